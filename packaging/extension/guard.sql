do $$
begin
  if pg_catalog.to_regnamespace('postai') is not null then
    raise exception 'postai is installed in this database as plain SQL, or another schema has its name'
      using errcode = '42P06', detail = 'The two ways of installing are not mixed.',
            hint = 'Upgrade it with post-ai install; remove it with post-ai uninstall; rename a schema that is yours.';
  end if;
end
$$;
