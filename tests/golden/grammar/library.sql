-- How many books are there per genre?
--   0.97: The number of books for each books.genre.
SELECT b.genre, count(*) AS number_of_books
FROM books AS b
GROUP BY b.genre
ORDER BY number_of_books DESC NULLS LAST, b.genre;

-- Which members have never borrowed a book?
--   0.95: Members without any loans.
SELECT m.id, m.full_name
FROM members AS m
WHERE NOT EXISTS (
        SELECT 1
        FROM loans AS l
        WHERE l.member_id = m.id
      )
ORDER BY m.id;

-- Which author has written the most books?
--   0.97: The first 1 of authors with the number of books, by number of books, highest first.
SELECT a.id, a.first_name, a.last_name, count(*) AS number_of_books
FROM book_authors AS ba
JOIN authors AS a ON a.id = ba.author_id
GROUP BY a.id, a.first_name, a.last_name
ORDER BY number_of_books DESC NULLS LAST, a.id, a.first_name, a.last_name
LIMIT 1;

-- List the titles of all crime books published after 2010
--   0.97: Books where books.published_year is at least 2011 and books.genre is crime.
SELECT b.title
FROM books AS b
WHERE b.published_year >= 2011
  AND b.genre = 'crime'
ORDER BY b.id;

-- How many loans were made last month?
--   0.97: The number of loans where loans.borrowed_on is in: "last month" is the previous calendar month.
SELECT count(*) AS number_of_loans
FROM loans AS l
WHERE (l.borrowed_on >= (date_trunc('month', current_date) - interval '1 month')::date AND l.borrowed_on < (date_trunc('month', current_date))::date);

-- How many loans are not returned?
--   0.97: The number of loans where loans.returned_on is missing.
SELECT count(*) AS number_of_loans
FROM loans AS l
WHERE l.returned_on IS NULL;

-- Which books have more than 500 pages?
--   0.97: Books where books.pages is above 500.
SELECT b.id, b.title, b.pages
FROM books AS b
WHERE b.pages > 500
ORDER BY b.id;

-- members who joined in 2024
--   0.97: Members where members.joined_on is in: the year 2024.
SELECT m.id, m.full_name, m.joined_on
FROM members AS m
WHERE (m.joined_on >= '2024-01-01' AND m.joined_on < '2025-01-01')
ORDER BY m.id;

-- How many copies does each branch have?
--   0.97: The number of copies for each branches.
SELECT b.id, b.name, count(*) AS number_of_copies
FROM copies AS c
JOIN branches AS b ON b.id = c.branch_id
GROUP BY b.id, b.name
ORDER BY number_of_copies DESC NULLS LAST, b.id, b.name;

-- What is the total amount of fines per member?
--   0.97: The total fines.amount for each members.
SELECT m.id, m.full_name, sum(f.amount) AS total_amount
FROM fines AS f
JOIN loans AS l ON l.id = f.loan_id
JOIN members AS m ON m.id = l.member_id
GROUP BY m.id, m.full_name
ORDER BY total_amount DESC NULLS LAST, m.id, m.full_name;

-- How many unpaid fines are there?
--   0.97: The number of fines where fines.paid is False.
SELECT count(*) AS number_of_fines
FROM fines AS f
WHERE NOT f.paid;

-- average number of pages per genre
--   0.85: The average books.pages for each books.genre.
SELECT b.genre, avg(b.pages) AS average_page
FROM books AS b
GROUP BY b.genre
ORDER BY average_page DESC NULLS LAST, b.genre;

-- Who are the top 3 members by number of loans?
--   0.97: The first 3 of members with the number of loans, by number of loans, highest first.
SELECT m.id, m.full_name, count(*) AS number_of_loans
FROM loans AS l
JOIN members AS m ON m.id = l.member_id
GROUP BY m.id, m.full_name
ORDER BY number_of_loans DESC NULLS LAST, m.id, m.full_name
LIMIT 3;

-- How many inactive members are there?
--   0.97: The number of members where members.active is False.
SELECT count(*) AS number_of_members
FROM members AS m
WHERE NOT m.active;

-- Which branch has the most damaged copies?
--   0.97: The first 1 of branches with the number of copies where copies.condition is damaged, by number of copies, highest first.
SELECT b.id, b.name, count(*) AS number_of_copies
FROM copies AS c
JOIN branches AS b ON b.id = c.branch_id
WHERE c.condition = 'damaged'
GROUP BY b.id, b.name
ORDER BY number_of_copies DESC NULLS LAST, b.id, b.name
LIMIT 1;

-- How many loans per month in 2025?
--   0.97: The number of loans where loans.borrowed_on is in: the year 2025 for each month.
SELECT date_trunc('month', l.borrowed_on)::date AS month, count(*) AS number_of_loans
FROM loans AS l
WHERE (l.borrowed_on >= '2025-01-01' AND l.borrowed_on < '2026-01-01')
GROUP BY date_trunc('month', l.borrowed_on)::date
ORDER BY month;

-- What is the longest book?
--   0.97: The first 1 of books, by books.pages, highest first.
SELECT b.id, b.title, b.pages
FROM books AS b
ORDER BY b.pages DESC, b.id
LIMIT 1;

-- books written by British authors
--   0.97: Books where authors.nationality is British.
SELECT b.id, b.title
FROM books AS b
WHERE EXISTS (
        SELECT 1
        FROM book_authors AS ba
        JOIN authors AS a ON a.id = ba.author_id
        WHERE ba.book_id = b.id
          AND a.nationality = 'British'
      )
ORDER BY b.id;

-- How many members do not have an email?
--   0.97: The number of members where members.email is missing.
SELECT count(*) AS number_of_members
FROM members AS m
WHERE m.email IS NULL;

-- the 5 oldest members
--   abstained PA001: what "oldest" means for members is not clear
--   Ask in other words, naming tables and columns.

-- fines over 10 euros
--   0.97: Fines where fines.amount is above 10.
SELECT f.id, f.loan_id, f.amount, f.paid, f.issued_on
FROM fines AS f
WHERE f.amount > 10
ORDER BY f.id;

-- Which publishers have no books?
--   0.97: Publishers without any books.
SELECT p.id, p.name
FROM publishers AS p
WHERE NOT EXISTS (
        SELECT 1
        FROM books AS b
        WHERE b.publisher_id = p.id
      )
ORDER BY p.id;

-- How many books did each author write?
--   0.97: The number of books for each authors.
SELECT a.id, a.first_name, a.last_name, count(*) AS number_of_books
FROM book_authors AS ba
JOIN authors AS a ON a.id = ba.author_id
GROUP BY a.id, a.first_name, a.last_name
ORDER BY number_of_books DESC NULLS LAST, a.id, a.first_name, a.last_name;

-- loans that are overdue
--   abstained PA001: "overdue" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- What is the most common genre of books?
--   0.97: The first 1 of books.genre with the number of books, by number of books, highest first.
SELECT b.genre, count(*) AS number_of_books
FROM books AS b
GROUP BY b.genre
ORDER BY number_of_books DESC NULLS LAST, b.genre
LIMIT 1;

-- number of adult and senior members
--   0.97: The number of members where members.membership is adult or senior.
SELECT count(*) AS number_of_members
FROM members AS m
WHERE m.membership IN ('adult', 'senior');
