CREATE TABLE artist (artist_id integer PRIMARY KEY, artist_name varchar(60), country varchar(40), debut_year integer, is_verified boolean, num_followers integer, num_albums integer, total_streams bigint);
CREATE TABLE album (album_id integer PRIMARY KEY, artist_id integer, title varchar(80), release_year integer, release_month integer, album_type varchar(12), num_tracks integer);
CREATE TABLE genre (genre_id integer PRIMARY KEY, genre varchar(30));
CREATE TABLE track (track_id integer PRIMARY KEY, album_id integer, title varchar(80), duration_sec integer, explicit boolean, has_lyrics boolean, num_likes integer, num_skips integer, num_shares integer, bpm integer);
CREATE TABLE track_genre (track_id integer, genre_id integer);
CREATE TABLE listener (listener_id integer PRIMARY KEY, username varchar(40), country varchar(40), plan varchar(12), birth_year integer, joined_year integer, joined_month integer, num_playlists integer, total_minutes integer, is_student boolean);
CREATE TABLE monthly_play (listener_id integer, track_id integer, year integer, month integer, play_count integer);
CREATE TABLE playlist (playlist_id integer PRIMARY KEY, listener_id integer, name varchar(60), is_public boolean, num_followers integer);
CREATE TABLE playlist_track (playlist_id integer, track_id integer, position integer);
INSERT INTO artist VALUES
(1,'Velvet Harbor','Canada',2009,true,81200,4,9100000),(2,'Mira Sol','Brazil',2015,true,154300,2,22750000),(3,'The Paper Foxes','Norway',2018,false,12050,2,640000),
(4,'DJ Kwame','Ghana',2012,true,98700,1,15400000),(5,'Nora Lindqvist','Norway',2020,false,4300,1,88000),(6,'Static Choir','Canada',1998,true,45600,5,5300000),(7,'Luz y Sal','Spain',2022,false,NULL,0,12000);
INSERT INTO album VALUES
(10,1,'Low Tide',2017,5,'album',4),(11,1,'Night Ferry',2021,10,'album',3),(12,2,'Areia',2019,2,'album',4),(13,2,'Sol (Live)',2023,7,'live',2),
(14,3,'Origami',2020,10,'ep',2),(15,4,'Accra Nights',2022,6,'album',3),(16,6,'White Noise',2003,11,'album',3),(17,5,'First Snow',2022,12,'single',1),(18,6,'Feedback',2022,3,'ep',2);
INSERT INTO genre VALUES (1,'indie'),(2,'pop'),(3,'afrobeat'),(4,'electronic'),(5,'folk'),(6,'jazz');
INSERT INTO track VALUES
(100,10,'Anchor',214,false,true,5200,310,180,98),(101,10,'Salt',187,false,true,3100,420,90,120),(102,10,'Undertow',305,false,false,1800,250,60,84),(103,10,'Harbor Lights',241,true,true,4100,200,150,101),
(104,11,'Night Ferry',262,false,true,6900,180,320,110),(105,11,'Deck Chairs',199,false,true,2500,330,70,125),(106,11,'Fog',171,false,false,900,610,15,NULL),
(107,12,'Areia',222,false,true,15200,410,980,105),(108,12,'Maré',198,true,true,11800,520,640,96),(109,12,'Vento',245,false,true,9700,300,510,92),(110,12,'Sombra',276,false,true,7300,450,260,88),
(111,13,'Areia (Live)',301,false,true,4800,120,210,106),(112,13,'Vento (Live)',290,false,true,3900,140,175,93),
(113,14,'Crease',158,false,true,640,80,12,132),(114,14,'Fold',163,true,true,710,60,25,128),
(115,15,'Osu Drive',233,true,true,12500,390,870,112),(116,15,'Accra Nights',251,false,true,14100,280,1020,115),(117,15,'Jollof',187,false,false,8200,700,450,118),
(118,16,'Static',320,true,true,3300,520,110,140),(119,16,'White Noise',402,false,false,2100,880,45,NULL),(120,16,'Choir',289,false,true,2700,340,75,76),
(121,17,'First Snow',205,false,true,410,35,20,82),(122,18,'Feedback',194,true,true,1500,260,55,150),(123,18,'Anchor',226,false,true,1250,190,40,97);
INSERT INTO track_genre VALUES (100,1),(100,5),(101,1),(102,1),(103,1),(104,1),(104,2),(105,2),(106,4),(107,2),(108,2),(109,2),(109,5),(110,5),(111,2),(112,2),(113,1),(114,1),(115,3),(116,3),(116,4),(117,3),(118,4),(119,4),(121,5),(122,4);
INSERT INTO listener VALUES
(501,'anna_k','Norway','premium',1996,2019,3,3,48200,false),(502,'beatbox7','Ghana','free',2001,2020,8,1,15100,true),(503,'carlos.m','Spain','premium',1988,2018,11,2,61050,false),
(504,'dee','Canada','family',1979,2021,1,0,22400,false),(505,'emre99','Turkey','free',NULL,2022,5,1,4300,true),(506,'fjord_fan','Norway','family',1992,2022,5,2,30900,false),
(507,'gabi','Brazil','premium',2003,2023,2,1,27750,true),(508,'hana','Japan','free',1999,2023,9,0,0,false),(509,'ivo','Brazil','premium',1985,2020,12,1,39900,false);
INSERT INTO monthly_play VALUES
(501,100,2022,11,14),(501,104,2022,11,9),(501,113,2022,12,22),(501,121,2022,12,31),(501,121,2023,1,17),(501,107,2023,3,5),(501,107,2022,1,6),(509,108,2021,12,9),
(502,115,2022,11,40),(502,116,2022,12,52),(502,116,2023,1,48),(502,117,2023,2,12),
(503,107,2022,11,8),(503,108,2022,12,19),(503,109,2023,1,11),(503,118,2023,3,6),(503,111,2023,8,21),
(504,118,2022,12,7),(504,119,2023,1,3),(504,122,2023,4,15),(504,123,2023,4,10),
(505,107,2023,2,4),(505,116,2023,5,6),(506,113,2023,1,26),(506,114,2023,1,18),(506,121,2023,2,24),(506,100,2023,5,2),
(507,107,2023,3,33),(507,110,2023,3,16),(507,111,2023,8,28),(507,112,2023,8,25),(509,108,2022,11,13),(509,109,2023,2,29),(509,115,2023,6,1);
INSERT INTO playlist VALUES
(1,501,'Winter walks',true,120),(2,501,'Focus',false,0),(3,501,'Running',true,35),(4,502,'Accra heat',true,940),(5,503,'Domingo',true,210),(6,503,'Coche',false,2),(7,505,'stuff',false,NULL),(8,506,'Norsk indie',true,415),(9,506,'Sleep',true,61),(10,507,'Praia',true,1330),(11,509,'Churrasco',false,12);
INSERT INTO playlist_track VALUES (1,121,1),(1,100,2),(1,113,3),(2,119,1),(2,106,2),(3,118,1),(3,122,2),(3,116,3),(4,115,1),(4,116,2),(4,117,3),(4,107,4),(5,107,1),(5,109,2),(6,118,1),(8,113,1),(8,114,2),(8,121,3),(9,102,1),(9,121,2),(10,107,1),(10,108,2),(10,111,3),(10,110,4),(10,116,5),(11,108,1),(11,115,2);
