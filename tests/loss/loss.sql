-- The tables of the loss check: TPC-B's four, a table whose key comes from a sequence, and the ledger of what was done.
-- `history` has no key on purpose, `ticket` belongs to no column: that is how real databases look.
create schema loss;
create table loss.branch (id int primary key, balance bigint not null default 0);
create table loss.teller (id int primary key, branch int not null references loss.branch, balance bigint not null default 0);
create table loss.account (
    id int primary key, branch int not null references loss.branch, balance bigint not null default 0, filler text
);
create table loss.history (
    run int, client int, seq int, account int, teller int, branch int, delta int, at timestamptz default now()
);
create table loss.entry (
    id bigserial primary key, run int not null, client int not null, seq int not null, note text default 'entry'
);
create sequence loss.ticket;
create table loss.ledger (
    run int, client int, seq int, account int not null, delta int not null, entry bigint not null, ticket bigint not null,
    at timestamptz not null default now(),
    constraint ledger_pkey primary key (run, client, seq)
);
insert into loss.branch (id) select generate_series(1, %(branches)s::int);
insert into loss.teller (id, branch) select i, (i - 1) / 10 + 1 from generate_series(1, 10 * %(branches)s::int) as i;
insert into loss.account (id, branch, filler)
    select i, (i - 1) / %(accounts)s::int + 1, repeat('x', 60) from generate_series(1, %(branches)s::int * %(accounts)s::int) as i;
analyze loss.branch, loss.teller, loss.account;
