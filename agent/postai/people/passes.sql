-- name: list
-- One's own tokens and links, for operators everybody's.
select w.id, w.kind, w.prefix, w.title, w.page, w.made_by::text, w.made_at, w.expires_at, w.revoked_by::text, w.state
  from postai.web_passes as w order by w.state <> 'open', w.id desc limit 500

-- name: find
-- The open one that has this secret.
select f.pass, f.made_by::text, f.title, f.page
  from postai._find_pass(%s, pg_catalog.sha256(pg_catalog.convert_to(%s, 'UTF8'))) as f
