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
