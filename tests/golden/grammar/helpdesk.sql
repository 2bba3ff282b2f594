-- How many open tickets are there?
--   0.97: The number of tickets where tickets.status is open.
SELECT count(*) AS number_of_tickets
FROM tickets AS t
WHERE t.status = 'open';

-- How many tickets per priority?
--   0.97: The number of tickets for each tickets.priority.
SELECT t.priority, count(*) AS number_of_tickets
FROM tickets AS t
GROUP BY t.priority
ORDER BY number_of_tickets DESC NULLS LAST, t.priority;

-- Which agent solved the most tickets last month?
--   0.97: The first 1 of agents with the number of tickets where tickets.solved_at is in: "last month" is the previous calendar month, by number of tickets, highest first.
SELECT a.id, a.name, count(*) AS number_of_tickets
FROM tickets AS t
JOIN agents AS a ON a.id = t.assigned_agent_id
WHERE (t.solved_at >= date_trunc('month', current_date) - interval '1 month' AND t.solved_at < date_trunc('month', current_date))
GROUP BY a.id, a.name
ORDER BY number_of_tickets DESC NULLS LAST, a.id, a.name
LIMIT 1;

-- How many urgent tickets were opened in the last 7 days?
--   0.97: The number of tickets where tickets.opened_at is in: the last 7 days up to today and tickets.priority is urgent.
SELECT count(*) AS number_of_tickets
FROM tickets AS t
WHERE (t.opened_at >= current_date - interval '7 days' AND t.opened_at < current_date + interval '1 day')
  AND t.priority = 'urgent';

-- tickets without an assigned agent
--   0.97: Tickets without any agents.
SELECT t.id, t.subject
FROM tickets AS t
WHERE t.assigned_agent_id IS NULL
ORDER BY t.id;

-- How many accounts are on the enterprise plan?
--   0.97: The number of accounts where accounts.plan is enterprise.
SELECT count(*) AS number_of_accounts
FROM accounts AS a
WHERE a.plan = 'enterprise';

-- total mrr by industry
--   0.97: The total accounts.mrr for each accounts.industry.
SELECT a.industry, sum(a.mrr) AS total_mrr
FROM accounts AS a
GROUP BY a.industry
ORDER BY total_mrr DESC NULLS LAST, a.industry;

-- How many accounts churned this year?
--   0.97: The number of accounts where accounts.churned_at is in: "this year" is the current calendar year.
SELECT count(*) AS number_of_accounts
FROM accounts AS a
WHERE (a.churned_at >= date_trunc('year', current_date) AND a.churned_at < date_trunc('year', current_date) + interval '1 year');

-- Which accounts have no invoices?
--   0.97: Accounts without any invoices.
SELECT a.id, a.company
FROM accounts AS a
WHERE NOT EXISTS (
        SELECT 1
        FROM invoices AS i
        WHERE i.account_id = a.id
      )
ORDER BY a.id;

-- How many replies did each agent send?
--   0.97: The number of replies for each agents.
SELECT a.id, a.name, count(*) AS number_of_replies
FROM replies AS r
JOIN agents AS a ON a.id = r.agent_id
GROUP BY a.id, a.name
ORDER BY number_of_replies DESC NULLS LAST, a.id, a.name;

-- average satisfaction per agent
--   0.97: The average tickets.satisfaction for each agents.
SELECT a.id, a.name, avg(t.satisfaction) AS average_satisfaction
FROM tickets AS t
JOIN agents AS a ON a.id = t.assigned_agent_id
GROUP BY a.id, a.name
ORDER BY average_satisfaction DESC NULLS LAST, a.id, a.name;

-- unpaid invoices
--   abstained PA001: "unpaid" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many tickets have the tag bug?
--   0.97: The number of tickets where tags.name is bug.
SELECT count(*) AS number_of_tickets
FROM tickets AS t
WHERE EXISTS (
        SELECT 1
        FROM ticket_tags AS tt
        JOIN tags AS t2 ON t2.id = tt.tag_id
        WHERE tt.ticket_id = t.id
          AND t2.name = 'bug'
      );

-- Which tag is used the most?
--   abstained PA001: "most" of what is not clear
--   Ask in other words, naming tables and columns.

-- What is the total amount of invoices issued in March 2026?
--   0.97: The total invoices.amount where invoices.issued_on is in: March 2026.
SELECT sum(i.amount) AS total_amount
FROM invoices AS i
WHERE (i.issued_on >= '2026-03-01' AND i.issued_on < '2026-04-01');

-- How many users does each account have?
--   0.97: The number of users for each accounts.
SELECT a.id, a.company, count(*) AS number_of_users
FROM users AS u
JOIN accounts AS a ON a.id = u.account_id
GROUP BY a.id, a.company
ORDER BY number_of_users DESC NULLS LAST, a.id, a.company;

-- How many admin users are there?
--   0.97: The number of users where users.role is admin.
SELECT count(*) AS number_of_users
FROM users AS u
WHERE u.role = 'admin';

-- users who have never logged in
--   abstained PA001: "logged" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which accounts have more than 10 users?
--   0.97: The number of users where the number of users is above 10 for each accounts.
SELECT a.id, a.company, count(*) AS number_of_users
FROM users AS u
JOIN accounts AS a ON a.id = u.account_id
GROUP BY a.id, a.company
HAVING count(*) > 10
ORDER BY number_of_users DESC NULLS LAST, a.id, a.company;

-- tickets opened by admin users
--   0.97: Tickets where users.role is admin.
SELECT t.id, t.subject
FROM tickets AS t
JOIN users AS u ON u.id = t.opened_by
WHERE u.role = 'admin'
ORDER BY t.id;

-- number of tickets per week this year
--   0.97: The number of tickets where tickets.opened_at is in: "this year" is the current calendar year for each week.
SELECT date_trunc('week', t.opened_at)::date AS week, count(*) AS number_of_tickets
FROM tickets AS t
WHERE (t.opened_at >= date_trunc('year', current_date) AND t.opened_at < date_trunc('year', current_date) + interval '1 year')
GROUP BY date_trunc('week', t.opened_at)::date
ORDER BY week;

-- number of tickets per day of the week
--   0.97: The number of tickets for each weekday.
SELECT to_char(t.opened_at, 'FMDay') AS weekday, count(*) AS number_of_tickets
FROM tickets AS t
GROUP BY to_char(t.opened_at, 'FMDay')
ORDER BY weekday;

-- percentage of tickets with priority urgent
--   0.97: The number of tickets where tickets.priority is urgent as a percentage of the number of tickets.
SELECT 100.0 * count(*) FILTER (WHERE t.priority = 'urgent') / NULLIF(count(*), 0) AS percentage
FROM tickets AS t;

-- accounts created since 2025 in the retail industry
--   0.97: Accounts where accounts.created_at is in: since the year 2025 and accounts.industry is retail.
SELECT a.id, a.company, a.created_at
FROM accounts AS a
WHERE a.created_at >= '2025-01-01'
  AND a.industry = 'retail'
ORDER BY a.id;

-- average time to solve
--   abstained PA001: "time" is not explained by anything in this database
--   Did you mean: tier?

-- agents managed by Ann
--   abstained PA001: "managed", "Ann" is not explained by anything in this database
--   Did you mean: manager, manager id?
