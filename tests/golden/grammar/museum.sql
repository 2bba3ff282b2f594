-- Return the title and medium of every artwork created before 1900.
--   0.97: Artworks where artworks.created_year is below 1900.
SELECT a.title, a.medium
FROM artworks AS a
WHERE a.created_year < 1900
ORDER BY a.id;

-- What are the titles and prices of artworks on display, from most expensive to cheapest?
--   0.97: Artworks where artworks.on_display is True, highest first.
SELECT a.title, a.price
FROM artworks AS a
WHERE a.on_display
ORDER BY a.price DESC NULLS LAST, a.id;

-- List the name and city of museums founded between 1850 and 1900
--   0.97: Museums where museums.founded_year is from 1850 to 1900.
SELECT m.name, m.city
FROM museums AS m
WHERE (m.founded_year >= 1850 AND m.founded_year <= 1900)
ORDER BY m.id;

-- Which museums are not in Spain or Portugal?
--   0.97: Museums where museums.country is not Spain or Portugal.
SELECT m.id, m.name
FROM museums AS m
WHERE m.country NOT IN ('Spain', 'Portugal')
ORDER BY m.id;

-- Which museums are neither in Spain nor in Portugal?
--   0.97: Museums where museums.country is not Spain or Portugal.
SELECT m.id, m.name
FROM museums AS m
WHERE m.country NOT IN ('Spain', 'Portugal')
ORDER BY m.id;

-- artworks that are wider than they are tall
--   abstained PA001: "wider", "than", "tall" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- artworks whose width is greater than their height
--   0.93: Artworks where artworks.width_cm is above artworks.height_cm.
SELECT a.id, a.title, a.width_cm
FROM artworks AS a
WHERE a.width_cm > a.height_cm
ORDER BY a.id;

-- Which artists have no artworks?
--   0.97: Artists without any artworks.
SELECT a.id, a.name
FROM artists AS a
WHERE NOT EXISTS (
        SELECT 1
        FROM artworks AS a2
        WHERE a2.artist_id = a.id
      )
ORDER BY a.id;

-- Which artists are still alive?
--   abstained PA001: "alive" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- artists who have died
--   abstained PA001: "died" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- artists without a death year
--   0.97: Artists where artists.death_year is missing.
SELECT a.id, a.name
FROM artists AS a
WHERE a.death_year IS NULL
ORDER BY a.id;

-- List the artists whose name starts with the letter "P" or "M"
--   0.97: Artists where artists.name starts with P or M.
SELECT a.id, a.name
FROM artists AS a
WHERE (a.name ILIKE 'P%' OR a.name ILIKE 'M%')
ORDER BY a.id;

-- List all exhibitions that have not ended
--   0.97: Exhibitions where exhibitions.ends_on is missing.
SELECT e.id, e.title
FROM exhibitions AS e
WHERE e.ends_on IS NULL
ORDER BY e.id;

-- exhibitions with no theme
--   0.97: Exhibitions where exhibitions.theme is missing.
SELECT e.id, e.title
FROM exhibitions AS e
WHERE e.theme IS NULL
ORDER BY e.id;

-- exhibitions that have a theme but no visitors recorded
--   0.97: Exhibitions where exhibitions.theme is not missing and exhibitions.visitors is missing.
SELECT e.id, e.title
FROM exhibitions AS e
WHERE e.theme IS NOT NULL
  AND e.visitors IS NULL
ORDER BY e.id;

-- Which exhibitions had more than 1000 but fewer than 5000 visitors?
--   0.97: Exhibitions where exhibitions.visitors is above 1000 and exhibitions.visitors is below 5000.
SELECT e.id, e.title, e.visitors
FROM exhibitions AS e
WHERE e.visitors > 1000
  AND e.visitors < 5000
ORDER BY e.id;

-- How many artworks are in each museum? Include museums with no artworks.
--   0.97: The number of artworks for each museums.
SELECT m.id,
       m.name,
       (
         SELECT count(*)
         FROM artworks AS a
         WHERE a.museum_id = m.id
       ) AS number_of_artworks
FROM museums AS m
ORDER BY number_of_artworks DESC NULLS LAST, m.id, m.name;

-- Show each museum's name together with the number of its exhibitions and the number of its artworks
--   0.97: The number of exhibitions and the number of artworks for each museums.
SELECT m.id,
       m.name,
       (
         SELECT count(*)
         FROM exhibitions AS e
         WHERE e.museum_id = m.id
       ) AS number_of_exhibitions,
       (
         SELECT count(*)
         FROM artworks AS a
         WHERE a.museum_id = m.id
       ) AS number_of_artworks
FROM museums AS m
ORDER BY number_of_exhibitions DESC NULLS LAST, m.id, m.name;

-- List every artwork with its artist's name and its museum's name
--   0.97: Artworks.
SELECT a.id, a.title, a2.name, m.name
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
LEFT JOIN museums AS m ON m.id = a.museum_id
ORDER BY a.id;

-- Return the artwork title, artist name and museum city for all bronze artworks.
--   0.97: Artworks where artworks.medium is bronze.
SELECT a.title, a2.name, m.city
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
LEFT JOIN museums AS m ON m.id = a.museum_id
WHERE a.medium = 'bronze'
ORDER BY a.id;

-- Which artworks are not in any museum?
--   0.97: Artworks without any museums.
SELECT a.id, a.title
FROM artworks AS a
WHERE a.museum_id IS NULL
ORDER BY a.id;

-- Which artworks have never been exhibited?
--   0.85: Artworks without any exhibitions.
SELECT a.id, a.title
FROM artworks AS a
WHERE NOT EXISTS (
        SELECT 1
        FROM exhibition_artworks AS ea
        WHERE ea.artwork_id = a.id
      )
ORDER BY a.id;

-- Which artworks were shown in more than 2 exhibitions?
--   0.97: The number of exhibitions where the number of exhibitions is above 2 for each artworks.
SELECT a.id, a.title, count(*) AS number_of_exhibitions
FROM exhibition_artworks AS ea
JOIN artworks AS a ON a.id = ea.artwork_id
GROUP BY a.id, a.title
HAVING count(*) > 2
ORDER BY number_of_exhibitions DESC NULLS LAST, a.id, a.title;

-- What is the second most expensive artwork?
--   0.97: Number 2 of artworks, by artworks.price, highest first.
SELECT a.id, a.title, a.price
FROM artworks AS a
ORDER BY a.price DESC NULLS LAST, a.id
LIMIT 1 OFFSET 1;

-- What is the third oldest museum?
--   0.97: Number 3 of museums, by museums.founded_year, lowest first.
SELECT m.id, m.name, m.founded_year
FROM museums AS m
ORDER BY m.founded_year, m.id
LIMIT 1 OFFSET 2;

-- Which museum has the most artworks? Give its name and the count.
--   0.97: The first 1 of museums with the number of artworks, by number of artworks, highest first.
SELECT m.id, m.name, count(*) AS number_of_artworks
FROM artworks AS a
JOIN museums AS m ON m.id = a.museum_id
GROUP BY m.id, m.name
ORDER BY number_of_artworks DESC NULLS LAST, m.id, m.name
LIMIT 1;

-- Which artist has the most artworks on display?
--   0.97: The first 1 of artists with the number of artworks where artworks.on_display is True, by number of artworks, highest first.
SELECT a2.id, a2.name, count(*) AS number_of_artworks
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
WHERE a.on_display
GROUP BY a2.id, a2.name
ORDER BY number_of_artworks DESC NULLS LAST, a2.id, a2.name
LIMIT 1;

-- Which museums have both oil and marble artworks?
--   0.97: Museums where artworks.medium is oil or marble. Assumed: each of the values of medium has to be met.
SELECT m.id, m.name
FROM museums AS m
WHERE EXISTS (
        SELECT 1
        FROM artworks AS a
        WHERE a.museum_id = m.id
          AND a.medium = 'oil'
      )
  AND EXISTS (
        SELECT 1
        FROM artworks AS a2
        WHERE a2.museum_id = m.id
          AND a2.medium = 'marble'
      )
ORDER BY m.id;

-- Which museums have oil artworks but no marble artworks?
--   0.97: Museums where artworks.medium is oil and without any artworks (artworks.medium is marble).
SELECT m.id, m.name
FROM museums AS m
WHERE EXISTS (
        SELECT 1
        FROM artworks AS a
        WHERE a.museum_id = m.id
          AND a.medium = 'oil'
      )
  AND NOT EXISTS (
        SELECT 1
        FROM artworks AS a2
        WHERE a2.museum_id = m.id
          AND a2.medium = 'marble'
      )
ORDER BY m.id;

-- museums that only have oil artworks
--   0.97: Museums without any artworks (artworks.medium is not oil). Assumed: those without any artworks are left out.
SELECT m.id, m.name
FROM museums AS m
WHERE EXISTS (
        SELECT 1
        FROM artworks AS a
        WHERE a.museum_id = m.id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM artworks AS a2
        WHERE a2.museum_id = m.id
          AND a2.medium <> 'oil'
      )
ORDER BY m.id;

-- museums where all artworks are on display
--   0.97: Museums without any artworks (artworks.on_display is not True). Assumed: those without any artworks are left out.
SELECT m.id, m.name
FROM museums AS m
WHERE EXISTS (
        SELECT 1
        FROM artworks AS a
        WHERE a.museum_id = m.id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM artworks AS a2
        WHERE a2.museum_id = m.id
          AND NOT a2.on_display
      )
ORDER BY m.id;

-- exhibitions all of whose tickets were refunded
--   0.97: Exhibitions without any tickets (tickets.refunded is not True). Assumed: those without any tickets are left out.
SELECT e.id, e.title
FROM exhibitions AS e
WHERE EXISTS (
        SELECT 1
        FROM tickets AS t
        WHERE t.exhibition_id = e.id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM tickets AS t2
        WHERE t2.exhibition_id = e.id
          AND NOT t2.refunded
      )
ORDER BY e.id;

-- How many tickets were not refunded?
--   0.97: The number of tickets where tickets.refunded is not True.
SELECT count(*) AS number_of_tickets
FROM tickets AS t
WHERE NOT t.refunded;

-- How many adult and child tickets were sold for each exhibition?
--   0.97: The number of tickets where tickets.kind is adult and the number of tickets where tickets.kind is child for each exhibitions.
SELECT e.id,
       e.title,
       count(*) FILTER (WHERE t.kind = 'adult') AS number_of_adult_tickets,
       count(*) FILTER (WHERE t.kind = 'child') AS number_of_child_tickets
FROM tickets AS t
JOIN exhibitions AS e ON e.id = t.exhibition_id
GROUP BY e.id, e.title
ORDER BY number_of_adult_tickets DESC NULLS LAST, e.id, e.title;

-- Which exhibition has the highest average ticket price?
--   0.97: The first 1 of exhibitions with the average tickets.price, by average tickets.price, highest first.
SELECT e.id, e.title, avg(t.price) AS average_price
FROM tickets AS t
JOIN exhibitions AS e ON e.id = t.exhibition_id
GROUP BY e.id, e.title
ORDER BY average_price DESC NULLS LAST, e.id, e.title
LIMIT 1;

-- List the top 5 most visited exhibitions
--   0.97: The first 5 of exhibitions, by exhibitions.visitors, highest first. Assumed: "most visited" is read as by exhibitions.visitors.
SELECT e.id, e.title, e.visitors
FROM exhibitions AS e
ORDER BY e.visitors DESC NULLS LAST, e.id
LIMIT 5;

-- the least visited exhibition
--   0.97: The first 1 of exhibitions, by exhibitions.visitors, lowest first. Assumed: "least visited" is read as by exhibitions.visitors.
SELECT e.id, e.title, e.visitors
FROM exhibitions AS e
ORDER BY e.visitors, e.id
LIMIT 1;

-- Show curators without an email address, sorted by last name then first name
--   0.97: Curators where curators.email is missing, by curators.last_name, lowest first, then by curators.first_name, lowest first.
SELECT c.id, c.first_name, c.last_name
FROM curators AS c
WHERE c.email IS NULL
ORDER BY c.last_name, c.first_name, c.id;

-- Give me the full name of curators working at museums in Vienna
--   0.97: Curators where museums.city is Vienna.
SELECT c.first_name, c.last_name
FROM curators AS c
JOIN museums AS m ON m.id = c.museum_id
WHERE m.city = 'Vienna'
ORDER BY c.id;

-- List curators who work in the same museum as "Ada Berg"
--   abstained PA001: "same" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many artists are Spanish or French?
--   0.97: The number of artists where artists.nationality is Spanish or French.
SELECT count(*) AS number_of_artists
FROM artists AS a
WHERE a.nationality IN ('Spanish', 'French');

-- artists who are not Spanish
--   0.97: Artists where artists.nationality is not Spanish.
SELECT a.id, a.name
FROM artists AS a
WHERE a.nationality <> 'Spanish'
ORDER BY a.id;

-- non-Spanish artists
--   0.97: Artists where artists.nationality is not Spanish.
SELECT a.id, a.name
FROM artists AS a
WHERE a.nationality <> 'Spanish'
ORDER BY a.id;

-- artworks other than photographs
--   0.97: Artworks where artworks.medium is not photograph.
SELECT a.id, a.title
FROM artworks AS a
WHERE a.medium <> 'photograph'
ORDER BY a.id;

-- artworks made of oil or bronze that cost more than 1000 and are not on display
--   0.9: Artworks where artworks.medium is oil or bronze and artworks.price is above 1000 and artworks.on_display is not True.
SELECT a.id, a.title, a.price
FROM artworks AS a
WHERE a.medium IN ('oil', 'bronze')
  AND a.price > 1000
  AND NOT a.on_display
ORDER BY a.id;

-- artworks that cost at least 1000, excluding marble
--   0.9: Artworks where artworks.price is at least 1000 and artworks.medium is not marble.
SELECT a.id, a.title, a.price
FROM artworks AS a
WHERE a.price >= 1000
  AND a.medium <> 'marble'
ORDER BY a.id;

-- artworks priced from 100 to 500
--   0.85: Artworks where artworks.price is from 100 to 500.
SELECT a.id, a.title, a.price
FROM artworks AS a
WHERE (a.price >= 100 AND a.price <= 500)
ORDER BY a.id;

-- artworks with a price of 100 or less
--   0.97: Artworks where artworks.price is at most 100.
SELECT a.id, a.title, a.price
FROM artworks AS a
WHERE a.price <= 100
ORDER BY a.id;

-- artworks without a price
--   0.97: Artworks where artworks.price is missing.
SELECT a.id, a.title
FROM artworks AS a
WHERE a.price IS NULL
ORDER BY a.id;

-- artworks ordered by price descending, nulls last
--   abstained PA001: "nulls" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- List the artworks by artist name and title
--   abstained PA001: what to show for each group is not clear
--   Ask in other words, naming tables and columns.

-- Show the distinct nationalities of artists in alphabetical order
--   0.97: Artists, by name.
SELECT DISTINCT a.nationality
FROM artists AS a
ORDER BY a.nationality;

-- Which nationalities have more than 3 artists?
--   0.97: The number of artists where the number of artists is above 3 for each artists.nationality.
SELECT a.nationality, count(*) AS number_of_artists
FROM artists AS a
GROUP BY a.nationality
HAVING count(*) > 3
ORDER BY number_of_artists DESC NULLS LAST, a.nationality;

-- Which cities have at least two museums?
--   0.97: The number of museums where the number of museums is at least 2 for each museums.city.
SELECT m.city, count(*) AS number_of_museums
FROM museums AS m
GROUP BY m.city
HAVING count(*) >= 2
ORDER BY number_of_museums DESC NULLS LAST, m.city;

-- How many different mediums are there?
--   0.97: The number of different medium of artworks.
SELECT count(DISTINCT a.medium) AS number_of_medium
FROM artworks AS a;

-- Name the museums that have an exhibition titled "Light"
--   0.97: Museums where exhibitions.title is Light.
SELECT m.name
FROM museums AS m
WHERE EXISTS (
        SELECT 1
        FROM exhibitions AS e
        WHERE e.museum_id = m.id
          AND lower(e.title) = lower('Light')
      )
ORDER BY m.id;

-- Which exhibitions start after 2024-01-01 or have no end date?
--   0.93: Exhibitions where exhibitions.starts_on is in: after 2024-01-01 or exhibitions.ends_on is missing.
SELECT e.id, e.title, e.starts_on
FROM exhibitions AS e
WHERE (e.starts_on >= '2024-01-02' OR e.ends_on IS NULL)
ORDER BY e.id;

-- Which exhibitions ended before they started?
--   0.97: Exhibitions where exhibitions.ends_on is below exhibitions.starts_on.
SELECT e.id, e.title, e.ends_on
FROM exhibitions AS e
WHERE e.ends_on < e.starts_on
ORDER BY e.id;

-- exhibitions that started in 2023 and ended in 2024
--   0.97: Exhibitions where exhibitions.starts_on is in: the year 2023 and exhibitions.ends_on is in: the year 2024.
SELECT e.id, e.title, e.starts_on, e.ends_on
FROM exhibitions AS e
WHERE (e.starts_on >= '2023-01-01' AND e.starts_on < '2024-01-01')
  AND (e.ends_on >= '2024-01-01' AND e.ends_on < '2025-01-01')
ORDER BY e.id;

-- exhibitions that started in 2023 or 2024
--   0.97: Exhibitions where exhibitions.starts_on is in: the year 2023 or exhibitions.starts_on is in: the year 2024.
SELECT e.id, e.title, e.starts_on
FROM exhibitions AS e
WHERE (e.starts_on >= '2023-01-01' AND e.starts_on < '2024-01-01' OR e.starts_on >= '2024-01-01' AND e.starts_on < '2025-01-01')
ORDER BY e.id;

-- List the names of museums that are closed
--   0.97: Museums where museums.is_open is False.
SELECT m.name
FROM museums AS m
WHERE NOT m.is_open
ORDER BY m.id;

-- open museums
--   0.97: Museums where museums.is_open is True.
SELECT m.id, m.name
FROM museums AS m
WHERE m.is_open
ORDER BY m.id;

-- Are there any museums in Norway?
--   0.97: Museums where museums.country is Norway.
SELECT m.id, m.name
FROM museums AS m
WHERE m.country = 'Norway'
ORDER BY m.id;

-- Which artists were born after 1900 and died before 1980?
--   0.97: Artists where artists.birth_year is at least 1901 and artists.death_year is below 1980.
SELECT a.id, a.name, a.birth_year, a.death_year
FROM artists AS a
WHERE a.birth_year >= 1901
  AND a.death_year < 1980
ORDER BY a.id;

-- artists who lived before 1900
--   abstained PA001: "lived" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which museum does the artwork "Dawn" belong to?
--   0.97: Museums where artworks.title is Dawn.
SELECT m.id, m.name
FROM museums AS m
WHERE EXISTS (
        SELECT 1
        FROM artworks AS a
        WHERE a.museum_id = m.id
          AND lower(a.title) = lower('Dawn')
      )
ORDER BY m.id;

-- Who made the artwork "Dawn"?
--   0.97: Artists where artworks.title is Dawn.
SELECT a.id, a.name
FROM artists AS a
WHERE EXISTS (
        SELECT 1
        FROM artworks AS a2
        WHERE a2.artist_id = a.id
          AND lower(a2.title) = lower('Dawn')
      )
ORDER BY a.id;

-- In which city is the artwork "Dawn"?
--   0.97: Artworks where artworks.title is Dawn.
SELECT DISTINCT m.city
FROM artworks AS a
LEFT JOIN museums AS m ON m.id = a.museum_id
WHERE lower(a.title) = lower('Dawn')
ORDER BY m.city;

-- What is the price of "Dawn"?
--   abstained PA001: "price" does not fit here
--   Ask in other words, naming tables and columns.

-- title of the cheapest artwork of each artist
--   0.97: The first 1 of artworks for each artists, by artworks.price, lowest first.
SELECT ranked.id, ranked.name, ranked.title, ranked.price
FROM (
  SELECT a2.id AS id,
         a2.name AS name,
         a.title AS title,
         a.price AS price,
         row_number() OVER (PARTITION BY a2.id, a2.name ORDER BY a.price, a.id) AS "position"
  FROM artworks AS a
  JOIN artists AS a2 ON a2.id = a.artist_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.name, ranked."position";

-- the most expensive artwork in each museum
--   0.97: The first 1 of artworks for each museums, by artworks.price, highest first.
SELECT ranked.id, ranked.name, ranked.artwork_id, ranked.title, ranked.price
FROM (
  SELECT m.id AS id,
         m.name AS name,
         a.id AS artwork_id,
         a.title AS title,
         a.price AS price,
         row_number() OVER (PARTITION BY m.id, m.name ORDER BY a.price DESC NULLS LAST, a.id) AS "position"
  FROM artworks AS a
  JOIN museums AS m ON m.id = a.museum_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.name, ranked."position";

-- artworks more expensive than 5000 by Spanish artists
--   0.97: Artworks where artworks.price is above 5000 and artists.nationality is Spanish.
SELECT a.id, a.title, a.price
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
WHERE a.price > 5000
  AND a2.nationality = 'Spanish'
ORDER BY a.id;

-- artworks by artists born after 1950 that are in museums in Madrid
--   0.97: Artworks where artists.birth_year is at least 1951 and museums.city is Madrid.
SELECT a.id, a.title
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
JOIN museums AS m ON m.id = a.museum_id
WHERE a2.birth_year >= 1951
  AND m.city = 'Madrid'
ORDER BY a.id;

-- What is the name and nationality of the artist with the most artworks?
--   0.97: The first 1 of artists with the number of artworks, by number of artworks, highest first.
SELECT a2.id, a2.name, a2.nationality, count(*) AS number_of_artworks
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
GROUP BY a2.id, a2.name, a2.nationality
ORDER BY number_of_artworks DESC NULLS LAST, a2.id, a2.name, a2.nationality
LIMIT 1;

-- Give the titles of the 3 largest artworks by height
--   0.93: The first 3 of artworks, by artworks.height_cm, highest first.
SELECT a.title, a.height_cm
FROM artworks AS a
ORDER BY a.height_cm DESC, a.id
LIMIT 3;

-- latest exhibition of each museum
--   0.97: The first 1 of exhibitions for each museums, by exhibitions.starts_on, highest first.
SELECT ranked.id, ranked.name, ranked.exhibition_id, ranked.title, ranked.starts_on
FROM (
  SELECT m.id AS id,
         m.name AS name,
         e.id AS exhibition_id,
         e.title AS title,
         e.starts_on AS starts_on,
         row_number() OVER (PARTITION BY m.id, m.name ORDER BY e.starts_on DESC, e.id) AS "position"
  FROM exhibitions AS e
  JOIN museums AS m ON m.id = e.museum_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.name, ranked."position";

-- List the titles of exhibitions at closed museums
--   0.97: Exhibitions where museums.is_open is False.
SELECT e.title
FROM exhibitions AS e
JOIN museums AS m ON m.id = e.museum_id
WHERE NOT m.is_open
ORDER BY e.id;

-- how many museums have no exhibitions
--   0.97: The number of museums without any exhibitions.
SELECT count(*) AS number_of_museums
FROM museums AS m
WHERE NOT EXISTS (
        SELECT 1
        FROM exhibitions AS e
        WHERE e.museum_id = m.id
      );

-- number of exhibitions with and without a theme
--   0.97: The number of exhibitions where exhibitions.theme is not missing and the number of exhibitions where exhibitions.theme is missing.
SELECT count(*) FILTER (WHERE e.theme IS NOT NULL) AS "with",
       count(*) FILTER (WHERE e.theme IS NULL) AS without
FROM exhibitions AS e;

-- Which artworks appear in an exhibition titled "Light" but not in one titled "Dark"?
--   abstained PA001: "but not", "one" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Return museum names and exhibition titles for exhibitions with more than 1000 visitors
--   0.97: Exhibitions where exhibitions.visitors is above 1000.
SELECT m.name, e.title
FROM exhibitions AS e
JOIN museums AS m ON m.id = e.museum_id
WHERE e.visitors > 1000
ORDER BY e.id;

-- Which artists have artworks in more than one museum?
--   0.97: The number of museums where the number of museums is above 1 for each artists.
SELECT a2.id, a2.name, count(DISTINCT a.museum_id) AS number_of_museums
FROM artworks AS a
JOIN artists AS a2 ON a2.id = a.artist_id
GROUP BY a2.id, a2.name
HAVING count(DISTINCT a.museum_id) > 1
ORDER BY number_of_museums DESC NULLS LAST, a2.id, a2.name;

-- List the museum names in reverse alphabetical order
--   0.97: Museums.name, by name.
SELECT m.name
FROM museums AS m
ORDER BY m.name DESC, m.id;

-- List artists by birth year, youngest first
--   0.97: Artists, by artists.birth_year, highest first.
SELECT a.id, a.name
FROM artists AS a
ORDER BY a.birth_year DESC, a.id;

-- artists from oldest to youngest
--   0.97: Artists, lowest first.
SELECT a.id, a.name
FROM artists AS a
ORDER BY a.birth_year, a.id;
