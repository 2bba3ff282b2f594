CREATE TABLE division (id serial PRIMARY KEY, name text NOT NULL UNIQUE, level integer NOT NULL);
CREATE TABLE venue (id serial PRIMARY KEY, name text NOT NULL, town text NOT NULL, seats integer, has_floodlights boolean NOT NULL);
CREATE TABLE team (id serial PRIMARY KEY, name text NOT NULL, town text NOT NULL, founded integer, division_id integer NOT NULL REFERENCES division(id), home_venue_id integer REFERENCES venue(id));
CREATE TABLE player (id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, birth_date date, position text, height_cm integer);
CREATE TABLE player_team (player_id integer REFERENCES player(id), team_id integer REFERENCES team(id), season integer NOT NULL, shirt_number integer, is_captain boolean NOT NULL DEFAULT false, PRIMARY KEY (player_id, team_id, season));
CREATE TABLE fixture (id serial PRIMARY KEY, season integer NOT NULL, match_date date NOT NULL, kick_off time, home_team_id integer NOT NULL REFERENCES team(id), away_team_id integer NOT NULL REFERENCES team(id), home_goals integer, away_goals integer, venue_id integer REFERENCES venue(id), attendance integer);
CREATE TABLE goal (id serial PRIMARY KEY, fixture_id integer NOT NULL REFERENCES fixture(id), player_id integer NOT NULL REFERENCES player(id), minute integer NOT NULL, is_penalty boolean NOT NULL DEFAULT false);
CREATE TABLE referee (id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, licensed_since date);
CREATE TABLE fixture_referee (fixture_id integer REFERENCES fixture(id), referee_id integer REFERENCES referee(id), role text NOT NULL, PRIMARY KEY (fixture_id, referee_id));
CREATE TABLE card (fixture_id integer REFERENCES fixture(id), player_id integer REFERENCES player(id), colour text NOT NULL, minute integer);
INSERT INTO division (name, level) VALUES ('Premier',1),('First',2),('Second',3);
INSERT INTO venue (name,town,seats,has_floodlights) VALUES ('Mill Lane','Ashford',450,true),('The Meadow','Brinton',200,false),('Quarry Park','Coldwell',620,true),('Canal Side','Ashford',150,false),('Abbey Field','Dunmore',NULL,false);
INSERT INTO team (name,town,founded,division_id,home_venue_id) VALUES
('Ashford Rovers','Ashford',1921,1,1),('Brinton Athletic','Brinton',1948,1,2),('Coldwell United','Coldwell',1903,1,3),
('Ashford Albion','Ashford',1977,2,4),('Dunmore Town','Dunmore',NULL,2,5),('Elmbury Wanderers','Elmbury',2009,2,NULL),('Fenwick Rangers','Fenwick',1965,3,NULL);
INSERT INTO player (first_name,last_name,birth_date,position,height_cm) VALUES
('Adam','Price','1995-04-12','forward',182),('Ben','Okoro','1999-11-30','midfielder',176),('Carl','Lowe','1990-02-03','goalkeeper',191),
('Dan','Price','2001-07-19','defender',185),('Eddie','Stone','1997-09-05','forward',178),('Femi','Ade','2003-01-22','midfielder',NULL),
('Gary','Nunn','1988-12-01','defender',188),('Harry','Voss','2000-05-27','goalkeeper',193),('Ian','Marsh','1996-08-14','forward',174),
('Jack','Todd','1994-03-08','midfielder',180),('Kofi','Mensah','2002-10-10','forward',179),('Liam','Burke',NULL,'defender',183),
('Mo','Rahman','1998-06-16','midfielder',172),('Neil','Frost','1985-01-29',NULL,181);
INSERT INTO player_team VALUES
(1,1,2022,9,false),(1,1,2023,9,true),(2,1,2022,8,false),(2,2,2023,10,false),(3,1,2022,1,true),(3,1,2023,1,false),
(4,2,2022,5,false),(4,2,2023,5,true),(5,2,2022,11,false),(5,3,2023,7,false),(6,3,2023,6,false),(7,3,2022,4,true),(7,3,2023,4,true),
(8,3,2022,1,false),(8,2,2023,1,false),(9,4,2022,9,false),(9,4,2023,9,true),(10,4,2023,8,false),(11,5,2023,10,false),(12,5,2022,3,true),(12,5,2023,3,true),
(13,6,2023,14,false),(10,6,2022,8,false);
INSERT INTO fixture (season,match_date,kick_off,home_team_id,away_team_id,home_goals,away_goals,venue_id,attendance) VALUES
(2022,'2022-09-03','15:00',1,2,2,1,1,310),(2022,'2022-09-17','15:00',2,3,0,0,2,145),(2022,'2022-10-08','19:30',3,1,1,3,3,402),
(2022,'2022-11-12','14:00',4,5,2,2,4,88),(2022,'2023-03-04','15:00',5,4,1,0,5,120),(2022,'2023-04-22','15:00',2,1,1,1,2,NULL),
(2023,'2023-09-02','15:00',1,3,1,0,1,355),(2023,'2023-09-23','19:30',3,2,4,1,3,420),(2023,'2023-10-14','15:00',2,1,0,2,2,160),
(2023,'2023-11-04','14:00',4,6,3,1,4,95),(2023,'2024-02-17','14:00',6,5,0,1,5,70),(2023,'2024-03-09','15:00',5,4,2,1,5,133),
(2023,'2024-04-20','19:30',1,2,3,2,1,448),(2023,'2024-05-11','15:00',3,1,NULL,NULL,3,NULL),(2023,'2024-03-29','19:30',2,3,0,0,3,410);
INSERT INTO goal (fixture_id,player_id,minute,is_penalty) VALUES
(1,1,12,false),(1,2,55,false),(1,5,78,true),(3,1,9,false),(3,1,33,true),(3,2,70,false),(3,7,88,false),
(4,9,15,false),(4,9,61,false),(4,12,44,true),(4,12,90,false),(5,12,27,false),(6,5,40,false),(6,1,82,false),
(7,1,66,false),(8,5,5,false),(8,6,49,false),(8,6,58,false),(8,7,73,true),(8,2,85,false),(9,1,20,false),(9,1,77,true),
(10,9,30,false),(10,10,35,false),(10,9,80,false),(10,13,52,false),(11,11,64,false),(12,11,18,false),(12,12,46,true),(12,9,89,false),
(13,1,10,true),(13,1,25,false),(13,3,91,false),(13,8,38,false),(13,4,60,false);
INSERT INTO referee (first_name,last_name,licensed_since) VALUES ('Olive','Grant','2012-03-01'),('Peter','Stone','2018-08-15'),('Rosa','Klein','2005-01-10'),('Sam','Dale','2023-07-01');
INSERT INTO fixture_referee VALUES (1,1,'main'),(1,2,'assistant'),(2,3,'main'),(3,3,'main'),(3,1,'assistant'),(4,2,'main'),(5,2,'main'),(6,1,'main'),(7,3,'main'),(8,1,'main'),(8,2,'assistant'),(9,3,'main'),(10,2,'main'),(11,2,'main'),(12,1,'main'),(13,3,'main'),(13,1,'assistant');
INSERT INTO card VALUES (1,4,'yellow',35),(3,7,'yellow',41),(3,7,'red',89),(4,12,'yellow',10),(6,2,'yellow',NULL),(8,4,'red',65),(9,4,'yellow',22),(10,13,'yellow',71),(12,12,'yellow',54),(13,4,'yellow',80);
