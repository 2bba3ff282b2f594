-- List deals ordered by amount descending then by traded date
--   0.97: Deals, by deals.amount, highest first, then by deals.traded_at, lowest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.amount DESC, d.traded_at, d.deal_id;

-- List the symbols sorted by sector and symbol
--   0.97: Securities.symbol, by securities.sector, lowest first, then by securities.symbol, lowest first.
SELECT DISTINCT s.symbol, s.sector
FROM securities AS s
ORDER BY s.sector, s.symbol;

-- Show the traders sorted by country, then full name in descending order
--   0.97: Traders, by traders.country, lowest first, then by traders.full_name, highest first.
SELECT t.trader_id, t.full_name
FROM traders AS t
ORDER BY t.country, t.full_name DESC, t.trader_id;

-- deals by amount from highest to lowest
--   0.97: Deals, by deals.amount, highest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.amount DESC, d.deal_id;

-- What is the third highest amount of deals?
--   0.97: Number 3 of deals.amount, by deals.amount, highest first.
SELECT DISTINCT d.amount
FROM deals AS d
ORDER BY d.amount DESC
LIMIT 1 OFFSET 2;

-- Which trader made the second most deals?
--   0.97: Number 2 of traders with the number of deals, by number of deals, highest first.
SELECT t.trader_id, t.full_name, count(*) AS number_of_deals
FROM deals AS d
JOIN traders AS t ON t.trader_id = d.trader_id
GROUP BY t.trader_id, t.full_name
ORDER BY number_of_deals DESC NULLS LAST, t.trader_id, t.full_name
LIMIT 1 OFFSET 1;

-- the second most recent deal
--   0.97: Number 2 of deals, by deals.traded_at, highest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.traded_at DESC, d.deal_id
LIMIT 1 OFFSET 1;

-- quotes where the closing price is higher than the opening price
--   0.85: Quotes where quotes.close_price is above quotes.open_price.
SELECT q.quote_id,
       q.security_id,
       q.quote_date,
       q.open_price,
       q.close_price,
       q.high_price,
       q.low_price,
       q.volume
FROM quotes AS q
WHERE q.close_price > q.open_price
ORDER BY q.quote_id;

-- quotes where close price > open price
--   0.97: Quotes where quotes.close_price is above quotes.open_price.
SELECT q.quote_id,
       q.security_id,
       q.quote_date,
       q.open_price,
       q.close_price,
       q.high_price,
       q.low_price,
       q.volume
FROM quotes AS q
WHERE q.close_price > q.open_price
ORDER BY q.quote_id;

-- quotes whose low price is below the open price by symbol ACME
--   0.97: Quotes where quotes.low_price is below quotes.open_price and securities.symbol is ACME.
SELECT q.quote_id,
       q.security_id,
       q.quote_date,
       q.open_price,
       q.close_price,
       q.high_price,
       q.low_price,
       q.volume
FROM quotes AS q
JOIN securities AS s ON s.security_id = q.security_id
WHERE q.low_price < q.open_price
  AND s.symbol = 'ACME'
ORDER BY q.quote_id;

-- deals settled on the day they were traded
--   0.97: Deals where deals.settled_at is exactly deals.traded_at.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.settled_at::date = d.traded_at::date
ORDER BY d.deal_id;

-- deals that were settled before they were traded
--   0.97: Deals where deals.settled_at is below deals.traded_at.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.settled_at < d.traded_at
ORDER BY d.deal_id;

-- traders from Norway or France with no broker
--   0.97: Traders where traders.country is Norway or France and without any brokers.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE t.country IN ('Norway', 'France')
  AND t.broker_id IS NULL
ORDER BY t.trader_id;

-- traders who never bought anything
--   abstained PA001: "bought" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- traders who have never made a deal
--   0.97: Traders without any deals.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE NOT EXISTS (
        SELECT 1
        FROM deals AS d
        WHERE d.trader_id = t.trader_id
      )
ORDER BY t.trader_id;

-- traders who made no buy deals
--   0.97: Traders without any deals (deals.side is buy).
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE NOT EXISTS (
        SELECT 1
        FROM deals AS d
        WHERE d.trader_id = t.trader_id
          AND d.side = 'buy'
      )
ORDER BY t.trader_id;

-- traders who bought and sold
--   abstained PA001: "bought", "sold" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which securities are on no watchlist?
--   0.97: Securities without any watchlists.
SELECT s.security_id, s.company_name
FROM securities AS s
WHERE NOT EXISTS (
        SELECT 1
        FROM watchlists AS w
        WHERE w.security_id = s.security_id
      )
ORDER BY s.security_id;

-- securities that are on a watchlist but were never traded
--   0.85: Securities without any deals.
SELECT s.security_id, s.company_name
FROM securities AS s
WHERE EXISTS (
        SELECT 1
        FROM watchlists AS w
        WHERE w.security_id = s.security_id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM deals AS d
        WHERE d.security_id = s.security_id
      )
ORDER BY s.security_id;

-- traders who only made sell deals
--   0.97: Traders without any deals (deals.side is not sell). Assumed: those without any deals are left out.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE EXISTS (
        SELECT 1
        FROM deals AS d
        WHERE d.trader_id = t.trader_id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM deals AS d2
        WHERE d2.trader_id = t.trader_id
          AND d2.side <> 'sell'
      )
ORDER BY t.trader_id;

-- traders all of whose deals are settled
--   0.97: Traders without any deals (deals.status is not settled). Assumed: those without any deals are left out.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE EXISTS (
        SELECT 1
        FROM deals AS d
        WHERE d.trader_id = t.trader_id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM deals AS d2
        WHERE d2.trader_id = t.trader_id
          AND d2.status <> 'settled'
      )
ORDER BY t.trader_id;

-- Return the trader name, the broker name and the city of the broker.
--   0.97: Brokers.
SELECT t.full_name, b.broker_name, b.city
FROM traders AS t
LEFT JOIN brokers AS b ON b.broker_id = t.broker_id
ORDER BY t.trader_id;

-- Show the symbol and company name of securities that are not active
--   0.97: Securities where securities.is_active is not True.
SELECT s.symbol, s.company_name
FROM securities AS s
WHERE NOT s.is_active
ORDER BY s.security_id;

-- inactive securities
--   0.97: Securities where securities.is_active is False.
SELECT s.security_id, s.company_name
FROM securities AS s
WHERE NOT s.is_active
ORDER BY s.security_id;

-- How many deals are neither settled nor failed?
--   0.97: The number of deals where deals.status is not settled or failed.
SELECT count(*) AS number_of_deals
FROM deals AS d
WHERE d.status NOT IN ('settled', 'failed');

-- deals with status settled, failed or pending
--   0.97: Deals where deals.status is settled or failed or pending.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.status IN ('settled', 'failed', 'pending')
ORDER BY d.deal_id;

-- deals between 100 and 200 shares
--   0.97: Deals where deals.shares is from 100 to 200.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE (d.shares >= 100 AND d.shares <= 200)
ORDER BY d.deal_id;

-- deals with more than 100 and fewer than 200 shares
--   0.97: Deals where deals.shares is above 100 and deals.shares is below 200.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.shares > 100
  AND d.shares < 200
ORDER BY d.deal_id;

-- deals with more than 100 but at most 200 shares
--   0.97: Deals where deals.shares is above 100 and deals.shares is at most 200.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.shares > 100
  AND d.shares <= 200
ORDER BY d.deal_id;

-- buy deals with an amount of 1000 or more
--   0.97: Deals where deals.side is buy and deals.amount is at least 1000.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.side = 'buy'
  AND d.amount >= 1000
ORDER BY d.deal_id;

-- deals with an amount of 100 to 500
--   0.97: Deals where deals.amount is from 100 to 500.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE (d.amount >= 100 AND d.amount <= 500)
ORDER BY d.deal_id;

-- deals not in status pending
--   0.97: Deals where deals.status is not pending.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.status <> 'pending'
ORDER BY d.deal_id;

-- traders without an email or a broker
--   0.97: Traders where traders.email is missing and without any brokers.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE t.email IS NULL
  AND t.broker_id IS NULL
ORDER BY t.trader_id;

-- Which traders have neither an email nor a broker?
--   0.97: Traders where traders.email is missing and without any brokers.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE t.email IS NULL
  AND t.broker_id IS NULL
ORDER BY t.trader_id;

-- deals still pending
--   0.97: Deals where deals.status is pending.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.status = 'pending'
ORDER BY d.deal_id;

-- deals that have not been settled
--   0.97: Deals where deals.status is not settled.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.status <> 'settled'
ORDER BY d.deal_id;

-- deals which have a fee
--   0.97: Deals where deals.fee is not missing.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.fee IS NOT NULL
ORDER BY d.deal_id;

-- deals with no fee
--   0.97: Deals where deals.fee is missing.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.fee IS NULL
ORDER BY d.deal_id;

-- deals without fees
--   0.97: Deals where deals.fee is missing.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.fee IS NULL
ORDER BY d.deal_id;

-- the number of deals per trader, including traders with no deals
--   0.97: The number of deals for each traders.
SELECT t.trader_id,
       t.full_name,
       (
         SELECT count(*)
         FROM deals AS d
         WHERE d.trader_id = t.trader_id
       ) AS number_of_deals
FROM traders AS t
ORDER BY number_of_deals DESC NULLS LAST, t.trader_id, t.full_name;

-- Return the trader's name, country and number of deals
--   0.97: The number of deals for each traders.
SELECT t.trader_id, t.full_name, t.country, count(*) AS number_of_deals
FROM deals AS d
JOIN traders AS t ON t.trader_id = d.trader_id
GROUP BY t.trader_id, t.full_name, t.country
ORDER BY number_of_deals DESC NULLS LAST, t.trader_id, t.full_name, t.country;

-- Return each trader's full name and total deal amount, sorted by total deal amount in descending order
--   abstained PA001: what to order by is not clear
--   Ask in other words, naming tables and columns.

-- For every security show the symbol and the number of watchlists it is on
--   0.97: The number of watchlists for each securities.
SELECT s.security_id, s.company_name, s.symbol, count(*) AS number_of_watchlists
FROM watchlists AS w
JOIN securities AS s ON s.security_id = w.security_id
GROUP BY s.security_id, s.company_name, s.symbol
ORDER BY number_of_watchlists DESC NULLS LAST, s.security_id, s.company_name, s.symbol;

-- List all traders and the number of deals they made
--   0.97: The number of deals for each traders.
SELECT t.trader_id,
       t.full_name,
       (
         SELECT count(*)
         FROM deals AS d
         WHERE d.trader_id = t.trader_id
       ) AS number_of_deals
FROM traders AS t
ORDER BY number_of_deals DESC NULLS LAST, t.trader_id, t.full_name;

-- How many traders watch each security?
--   0.8: The number of traders for each securities. Assumed: "watch" is read as how traders and securities belong together.
SELECT s.security_id, s.company_name, count(*) AS number_of_traders
FROM watchlists AS w
JOIN securities AS s ON s.security_id = w.security_id
GROUP BY s.security_id, s.company_name
ORDER BY number_of_traders DESC NULLS LAST, s.security_id, s.company_name;

-- traders who watch ACME and GLOB
--   abstained PA001: "watch" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- traders who watch ACME but not GLOB
--   abstained PA001: "watch" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- traders who watch ACME or GLOB
--   abstained PA001: "watch" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- traders watching more than 2 securities
--   0.8: The number of securities where the number of securities is above 2 for each traders. Assumed: "watching" is read as how traders and securities belong together.
SELECT t.trader_id, t.full_name, count(*) AS number_of_securities
FROM watchlists AS w
JOIN traders AS t ON t.trader_id = w.trader_id
GROUP BY t.trader_id, t.full_name
HAVING count(*) > 2
ORDER BY number_of_securities DESC NULLS LAST, t.trader_id, t.full_name;

-- Which broker has the most traders?
--   0.97: The first 1 of brokers with the number of traders, by number of traders, highest first.
SELECT b.broker_id, b.broker_name, count(*) AS number_of_traders
FROM traders AS t
JOIN brokers AS b ON b.broker_id = t.broker_id
GROUP BY b.broker_id, b.broker_name
ORDER BY number_of_traders DESC NULLS LAST, b.broker_id, b.broker_name
LIMIT 1;

-- brokers with no traders
--   0.97: Brokers without any traders.
SELECT b.broker_id, b.broker_name
FROM brokers AS b
WHERE NOT EXISTS (
        SELECT 1
        FROM traders AS t
        WHERE t.broker_id = b.broker_id
      )
ORDER BY b.broker_id;

-- brokers with at least 2 traders from Japan
--   0.97: The number of traders where traders.country is Japan and the number of traders is at least 2 for each brokers.
SELECT b.broker_id, b.broker_name, count(*) AS number_of_traders
FROM traders AS t
JOIN brokers AS b ON b.broker_id = t.broker_id
WHERE t.country = 'Japan'
GROUP BY b.broker_id, b.broker_name
HAVING count(*) >= 2
ORDER BY number_of_traders DESC NULLS LAST, b.broker_id, b.broker_name;

-- name of the broker of trader "Kim Lee"
--   0.97: Brokers where traders.full_name is Kim Lee.
SELECT b.broker_name
FROM brokers AS b
WHERE EXISTS (
        SELECT 1
        FROM traders AS t
        WHERE t.broker_id = b.broker_id
          AND lower(t.full_name) = lower('Kim Lee')
      )
ORDER BY b.broker_id;

-- traders who live in the same country as "Kim Lee"
--   abstained PA001: "same" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- pairs of traders from the same country
--   abstained PA001: "pairs", "same" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which brokers are in the same city as another broker?
--   abstained PA001: "same", "another" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- traders who joined before 2020 or come from Japan
--   0.97: Traders where traders.joined_at is in: before the year 2020 or traders.country is Japan.
SELECT t.trader_id, t.full_name, t.joined_at
FROM traders AS t
WHERE (t.joined_at < '2020-01-01' OR t.country = 'Japan')
ORDER BY t.trader_id;

-- traders who joined after 2020 and are not from Japan
--   0.97: Traders where traders.joined_at is in: after the year 2020 and traders.country is not Japan.
SELECT t.trader_id, t.full_name, t.joined_at
FROM traders AS t
WHERE t.joined_at >= '2021-01-01'
  AND t.country <> 'Japan'
ORDER BY t.trader_id;

-- companies whose name starts with A or ends with "Corp"
--   abstained PA001: what "or" joins is not clear
--   Ask in other words, naming tables and columns.

-- companies whose name contains bank ignoring case
--   abstained PA001: brokers could be joined by security_id
--   Say which of them you mean.

-- company names that do not contain "Ltd"
--   abstained PA001: what the question is about is not clear
--   Ask in other words, naming tables and columns.

-- companies whose name has the word "Energy" in it
--   abstained PA001: brokers could be joined by security_id
--   Say which of them you mean.

-- What is the highest closing price of ACME and on which date was it?
--   abstained PA001: "ACME" is no known closing price
--   Ask in other words, naming tables and columns.

-- On which date did ACME close highest?
--   abstained PA001: "close" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- the 5 deals with the largest amounts
--   0.97: The first 5 of deals, by deals.amount, highest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.amount DESC, d.deal_id
LIMIT 5;

-- top 5 deals by amount
--   0.97: The first 5 of deals, by deals.amount, highest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.amount DESC, d.deal_id
LIMIT 5;

-- 5 largest deals
--   0.97: The first 5 of deals, by deals.amount, highest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.amount DESC, d.deal_id
LIMIT 5;

-- the smallest deal
--   0.97: The first 1 of deals, by deals.amount, lowest first.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
ORDER BY d.amount, d.deal_id
LIMIT 1;

-- Which deal has the highest fee? Show its id and fee.
--   0.97: The first 1 of deals, by deals.fee, highest first.
SELECT d.deal_id, d.fee
FROM deals AS d
ORDER BY d.fee DESC NULLS LAST, d.deal_id
LIMIT 1;

-- Which deals have the highest amount?
--   abstained PA001: how many rows are wanted is not clear
--   Say a number: "top 10 ...".

-- distinct countries of traders
--   0.97: Traders.
SELECT DISTINCT t.country
FROM traders AS t
ORDER BY t.country;

-- How many different countries do traders come from?
--   0.97: The number of different country of traders.
SELECT count(DISTINCT t.country) AS number_of_country
FROM traders AS t;

-- Which countries have traders?
--   0.97: Traders.
SELECT DISTINCT t.country
FROM traders AS t
ORDER BY t.country;

-- Which countries have more than 5 traders?
--   0.97: The number of traders where the number of traders is above 5 for each traders.country.
SELECT t.country, count(*) AS number_of_traders
FROM traders AS t
GROUP BY t.country
HAVING count(*) > 5
ORDER BY number_of_traders DESC NULLS LAST, t.country;

-- list the sectors alphabetically without duplicates
--   0.97: Securities.sector, by name.
SELECT DISTINCT s.sector
FROM securities AS s
ORDER BY s.sector;

-- Give me the license number and name of brokers in Lyon
--   0.97: Brokers where brokers.city is Lyon.
SELECT b.license_no, b.broker_name
FROM brokers AS b
WHERE b.city = 'Lyon'
ORDER BY b.broker_id;

-- Brokers who do not have a license number
--   0.97: Brokers where brokers.license_no is missing.
SELECT b.broker_id, b.broker_name
FROM brokers AS b
WHERE b.license_no IS NULL
ORDER BY b.broker_id;

-- symbol, company name of banking securities
--   0.97: Securities where securities.sector is banking.
SELECT s.symbol, s.company_name
FROM securities AS s
WHERE s.sector = 'banking'
ORDER BY s.security_id;

-- Show me both the open and close price of quotes of ACME
--   0.97: Quotes where securities.symbol is ACME.
SELECT q.open_price, q.close_price
FROM quotes AS q
JOIN securities AS s ON s.security_id = q.security_id
WHERE s.symbol = 'ACME'
ORDER BY q.quote_id;

-- deal id, side and price of deals over 500 shares
--   0.97: Deals where deals.shares is above 500.
SELECT d.deal_id, d.side, d.price
FROM deals AS d
WHERE d.shares > 500
ORDER BY d.deal_id;

-- Show the full name of traders whose broker is in Oslo
--   0.97: Traders where brokers.city is Oslo.
SELECT t.full_name
FROM traders AS t
JOIN brokers AS b ON b.broker_id = t.broker_id
WHERE b.city = 'Oslo'
ORDER BY t.trader_id;

-- traders whose broker is not in Oslo
--   0.97: Traders where brokers.city is not Oslo.
SELECT t.trader_id, t.full_name
FROM traders AS t
JOIN brokers AS b ON b.broker_id = t.broker_id
WHERE b.city <> 'Oslo'
ORDER BY t.trader_id;

-- Which deals were made by traders who have no broker?
--   0.97: Deals without any brokers.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
JOIN traders AS t ON t.trader_id = d.trader_id
WHERE t.broker_id IS NULL
ORDER BY d.deal_id;

-- deals of securities in sectors other than energy
--   0.97: Deals where securities.sector is not energy.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
JOIN securities AS s ON s.security_id = d.security_id
WHERE s.sector <> 'energy'
ORDER BY d.deal_id;

-- deals on securities outside the energy sector
--   0.97: Deals where securities.sector is not energy.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
JOIN securities AS s ON s.security_id = d.security_id
WHERE s.sector <> 'energy'
ORDER BY d.deal_id;

-- all deals except those that failed
--   0.97: Deals where deals.status is not failed.
SELECT d.deal_id,
       d.trader_id,
       d.security_id,
       d.side,
       d.status,
       d.shares,
       d.price,
       d.amount,
       d.fee,
       d.traded_at,
       d.settled_at
FROM deals AS d
WHERE d.status <> 'failed'
ORDER BY d.deal_id;

-- all traders except those from Japan
--   0.97: Traders where traders.country is not Japan.
SELECT t.trader_id, t.full_name
FROM traders AS t
WHERE t.country <> 'Japan'
ORDER BY t.trader_id;

-- excluding failed deals, how many deals are there?
--   0.97: The number of deals where deals.status is not failed.
SELECT count(*) AS number_of_deals
FROM deals AS d
WHERE d.status <> 'failed';

-- How many deals are there excluding pending ones?
--   0.97: The number of deals where deals.status is not pending.
SELECT count(*) AS number_of_deals
FROM deals AS d
WHERE d.status <> 'pending';

-- How many deals are not failed?
--   0.97: The number of deals where deals.status is not failed.
SELECT count(*) AS number_of_deals
FROM deals AS d
WHERE d.status <> 'failed';
