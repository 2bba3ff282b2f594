-- How many tickets were collected at each house?
--   0.97: The number of ticket for each house.
SELECT h.id, h.name, count(*) AS number_of_ticket
FROM ticket AS t
JOIN performance AS p ON p.id = t.performance_id
JOIN house AS h ON h.id = p.house_id
GROUP BY h.id, h.name
ORDER BY number_of_ticket DESC NULLS LAST, h.id, h.name;

-- How many plays did each actor lead?
--   0.85: The number of play for each actor. Assumed: "lead" is read as how actor and play belong together.
SELECT a.id, a.first_name, a.last_name, count(*) AS number_of_play
FROM actor_play AS ap
JOIN actor AS a ON a.id = ap.actor_id
GROUP BY a.id, a.first_name, a.last_name
ORDER BY number_of_play DESC NULLS LAST, a.id, a.first_name, a.last_name;

-- Which actors performed in comedies?
--   abstained PA001: "performed" is not explained by anything in this database
--   Did you mean: performed, performed on?

-- how many performances were staged in each town?
--   0.85: The number of performance for each house.town. Assumed: "staged" is read as how performance and house belong together.
SELECT h.town, count(*) AS number_of_performance
FROM performance AS p
JOIN house AS h ON h.id = p.house_id
GROUP BY h.town
ORDER BY number_of_performance DESC NULLS LAST, h.town;

-- How many plays has each director directed?
--   0.85: The number of play for each director. Assumed: "directed" is read as how director and play belong together.
SELECT d.id, d.first_name, d.last_name, count(*) AS number_of_play
FROM play AS p
JOIN director AS d ON d.id = p.director_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY number_of_play DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- How many plays were rehearsed by each director?
--   0.75: The number of play for each director. Assumed: "rehearsed" is read as how play and director belong together.
SELECT d.id, d.first_name, d.last_name, count(*) AS number_of_play
FROM play AS p
JOIN director AS d ON d.id = p.director_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY number_of_play DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- plays directed by each director
--   0.85: The number of play for each director. Assumed: "directed" is read as how play and director belong together; the number of play is meant.
SELECT d.id, d.first_name, d.last_name, count(*) AS number_of_play
FROM play AS p
JOIN director AS d ON d.id = p.director_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY number_of_play DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- Which houses host performances of musicals?
--   0.85: House where play.genre is musical. Assumed: "host" is read as how house and performance belong together.
SELECT h.id, h.name
FROM house AS h
WHERE EXISTS (
        SELECT 1
        FROM performance AS p
        JOIN play AS p2 ON p2.id = p.play_id
        WHERE p.house_id = h.id
          AND p2.genre = 'musical'
      )
ORDER BY h.id;

-- How many plays did each author write?
--   0.97: The number of play for each author.
SELECT a.id, a.name, count(*) AS number_of_play
FROM play AS p
JOIN author AS a ON a.id = p.author_id
GROUP BY a.id, a.name
ORDER BY number_of_play DESC NULLS LAST, a.id, a.name;

-- How many tickets were wasted by each patron?
--   abstained PA001: "wasted" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many patrons hated plays?
--   abstained PA001: "hated" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many tickets were refunded per patron?
--   abstained PA001: "refunded" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which patrons have damaged tickets?
--   abstained PA001: "damaged" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many actors were bullied by directors?
--   abstained PA001: "bullied" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which actors star in plays?
--   0.85: Actor. Assumed: "star" is read as how actor and play belong together.
SELECT a.id, a.first_name, a.last_name
FROM actor AS a
WHERE EXISTS (
        SELECT 1
        FROM actor_play AS ap
        JOIN play AS p ON p.id = ap.play_id
        WHERE ap.actor_id = a.id
      )
ORDER BY a.id;

-- judged tickets per patron
--   abstained PA001: "judged" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many patrons read plays?
--   abstained PA001: "read" is not explained by anything in this database
--   Did you mean: reader?

-- Which patrons joined in October 2020 or later?
--   0.97: Patron where patron.month of joined_year and joined_month is in: since October 2020.
SELECT p.id, p.name, make_date(p.joined_year::int, p.joined_month::int, 1) AS month
FROM patron AS p
WHERE make_date(p.joined_year::int, p.joined_month::int, 1) >= '2020-10-01'
ORDER BY p.id;

-- How many patrons joined in the first half of 2022 or in 2023?
--   0.97: The number of patron where patron.month of joined_year and joined_month is in: half 1 of 2022 or patron.joined_year is 2023.
SELECT count(*) AS number_of_patron
FROM patron AS p
WHERE (make_date(p.joined_year::int, p.joined_month::int, 1) >= '2022-01-01' AND make_date(p.joined_year::int, p.joined_month::int, 1) < '2022-07-01' OR p.joined_year = 2023);

-- patrons who joined before March 2021
--   0.97: Patron where patron.month of joined_year and joined_month is in: before March 2021.
SELECT p.id, p.name, make_date(p.joined_year::int, p.joined_month::int, 1) AS month
FROM patron AS p
WHERE make_date(p.joined_year::int, p.joined_month::int, 1) < '2021-03-01'
ORDER BY p.id;

-- patrons who joined in 2020
--   0.97: Patron where patron.joined_year is 2020.
SELECT p.id, p.name
FROM patron AS p
WHERE p.joined_year = 2020
ORDER BY p.id;

-- patrons who joined in May 2020
--   0.97: Patron where patron.joined_year is 2020 and patron.joined_month is 5.
SELECT p.id, p.name
FROM patron AS p
WHERE p.joined_year = 2020
  AND p.joined_month = 5
ORDER BY p.id;

-- patrons who joined between March 2020 and June 2021
--   0.97: Patron where patron.month of joined_year and joined_month is in: from March 2020 to June 2021, both included.
SELECT p.id, p.name, make_date(p.joined_year::int, p.joined_month::int, 1) AS month
FROM patron AS p
WHERE (make_date(p.joined_year::int, p.joined_month::int, 1) >= '2020-03-01' AND make_date(p.joined_year::int, p.joined_month::int, 1) < '2021-07-01')
ORDER BY p.id;

-- How many patrons joined in the last 6 months?
--   0.97: The number of patron where patron.month of joined_year and joined_month is in: the last 6 months up to today.
SELECT count(*) AS number_of_patron
FROM patron AS p
WHERE (make_date(p.joined_year::int, p.joined_month::int, 1) >= (current_date - interval '6 months')::date AND make_date(p.joined_year::int, p.joined_month::int, 1) < (current_date + interval '1 day')::date);

-- How many patrons joined this year?
--   0.97: The number of patron where patron.month of joined_year and joined_month is in: "this year" is the current calendar year.
SELECT count(*) AS number_of_patron
FROM patron AS p
WHERE (make_date(p.joined_year::int, p.joined_month::int, 1) >= (date_trunc('year', current_date))::date AND make_date(p.joined_year::int, p.joined_month::int, 1) < (date_trunc('year', current_date) + interval '1 year')::date);

-- directors who joined in 2019 or earlier
--   0.97: Director where director.joined_on is in: up to the year 2019, included.
SELECT d.id, d.first_name, d.last_name, d.joined_on
FROM director AS d
WHERE d.joined_on < '2020-01-01'
ORDER BY d.id;

-- patrons who joined on March 5 2020
--   abstained PA001: patron has no date that fits
--   Name the date column.

-- How many performances were there in 2024 or later?
--   0.97: The number of performance where performance.performed_on is in: since the year 2024.
SELECT count(*) AS number_of_performance
FROM performance AS p
WHERE p.performed_on >= '2024-01-01';

-- Which houses were founded before 1950?
--   0.97: House where house.founded is below 1950.
SELECT h.id, h.name, h.founded
FROM house AS h
WHERE h.founded < 1950
ORDER BY h.id;

-- part-time actors
--   0.97: Actor where actor.is_part_time is True.
SELECT a.id, a.first_name, a.last_name
FROM actor AS a
WHERE a.is_part_time
ORDER BY a.id;

-- How many plays did each full-time actor have?
--   0.97: The number of play where actor.is_part_time is False for each actor.
SELECT a.id, a.first_name, a.last_name, count(*) AS number_of_play
FROM actor_play AS ap
JOIN actor AS a ON a.id = ap.actor_id
WHERE NOT a.is_part_time
GROUP BY a.id, a.first_name, a.last_name
ORDER BY number_of_play DESC NULLS LAST, a.id, a.first_name, a.last_name;

-- How many comedies are there?
--   0.85: The number of play where play.genre is comedy.
SELECT count(*) AS number_of_play
FROM play AS p
WHERE p.genre = 'comedy';

-- What percentage of musicals have smoking on stage?
--   0.85: The number of play where play.smoking_on_stage is True as a percentage of the number of play where play.genre is musical.
SELECT 100.0 * count(*) FILTER (WHERE p.smoking_on_stage) / NULLIF(count(*), 0) AS percentage
FROM play AS p
WHERE p.genre = 'musical';

-- What is the ratio of comedies to tragedies?
--   0.85: The number of play where play.genre is comedy divided by the number of play where play.genre is tragedy.
SELECT count(*) FILTER (WHERE p.genre = 'comedy')::numeric / NULLIF(count(*) FILTER (WHERE p.genre = 'tragedy'), 0) AS ratio
FROM play AS p;

-- How many comedies did each author write?
--   0.85: The number of play where play.genre is comedy for each author.
SELECT a.id, a.name, count(*) AS number_of_play
FROM play AS p
JOIN author AS a ON a.id = p.author_id
WHERE p.genre = 'comedy'
GROUP BY a.id, a.name
ORDER BY number_of_play DESC NULLS LAST, a.id, a.name;

-- List plays, longest first
--   0.97: Play, highest first.
SELECT p.id, p.title
FROM play AS p
ORDER BY p.running_minutes DESC, p.id;

-- total price of tickets sold last month
--   0.97: The total ticket.price where ticket.sold_at is in: "last month" is the previous calendar month.
SELECT sum(t.price) AS total_price
FROM ticket AS t
WHERE (t.sold_at >= date_trunc('month', current_date) - interval '1 month' AND t.sold_at < date_trunc('month', current_date));

-- Which actors play in comedies?
--   0.97: Actor where play.genre is comedy.
SELECT a.id, a.first_name, a.last_name
FROM actor AS a
WHERE EXISTS (
        SELECT 1
        FROM actor_play AS ap
        JOIN play AS p ON p.id = ap.play_id
        WHERE ap.actor_id = a.id
          AND p.genre = 'comedy'
      )
ORDER BY a.id;

-- performances attended by more than 300 people
--   0.9: Performance where performance.attendance is above 300.
SELECT p.id, p.play_id, p.house_id, p.performed_on, p.attendance, p.num_walkouts, p.state
FROM performance AS p
WHERE p.attendance > 300
ORDER BY p.id;

-- Which directors joined by 2019?
--   abstained PA001: "2019" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many performances never sold a ticket?
--   0.97: The number of performance without any ticket.
SELECT count(*) AS number_of_performance
FROM performance AS p
WHERE NOT EXISTS (
        SELECT 1
        FROM ticket AS t
        WHERE t.performance_id = p.id
      );

-- List the houses in Leeds and how many seats they have
--   0.97: House where house.town is Leeds.
SELECT h.id, h.name, h.seats
FROM house AS h
WHERE h.town = 'Leeds'
ORDER BY h.id;

-- Which directors led the most plays?
--   abstained PA001: how many rows are wanted is not clear
--   Say a number: "top 10 ...".

-- How many plays were sent to each house?
--   0.85: The number of play for each house. Assumed: "sent" is read as how play and house belong together.
SELECT h.id, h.name, count(DISTINCT p.id) AS number_of_play
FROM play AS p
JOIN performance AS p2 ON p2.play_id = p.id
JOIN house AS h ON h.id = p2.house_id
GROUP BY h.id, h.name
ORDER BY number_of_play DESC NULLS LAST, h.id, h.name;

-- patrons whose joined year is not known
--   0.97: Patron where patron.joined_year is missing.
SELECT p.id, p.name
FROM patron AS p
WHERE p.joined_year IS NULL
ORDER BY p.id;

-- Which actors are employed part-time?
--   0.97: Actor where actor.is_part_time is True.
SELECT a.id, a.first_name, a.last_name
FROM actor AS a
WHERE a.is_part_time
ORDER BY a.id;

-- How many actors have no known birth date?
--   0.97: The number of actor where actor.birth_date is missing.
SELECT count(*) AS number_of_actor
FROM actor AS a
WHERE a.birth_date IS NULL;

-- number of plays written by authors
--   0.97: The number of play. Assumed: author_id of play is set.
SELECT count(*) AS number_of_play
FROM play AS p
WHERE p.author_id IS NOT NULL;

-- plays directed by directors who joined in 2020
--   0.85: Play where director.joined_on is in: the year 2020. Assumed: "directed" is read as how play and director belong together.
SELECT p.id, p.title
FROM play AS p
JOIN director AS d ON d.id = p.director_id
WHERE (d.joined_on >= '2020-01-01' AND d.joined_on < '2021-01-01')
ORDER BY p.id;
