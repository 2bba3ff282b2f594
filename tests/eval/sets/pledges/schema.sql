-- crowdfunding; all moments are unix epoch seconds
CREATE TABLE users (uid integer PRIMARY KEY, username text, country char(2), created_at bigint, verified boolean);
CREATE TABLE campaigns (cid integer PRIMARY KEY, owner_uid integer REFERENCES users(uid), title text, category text, goal numeric(12,2), launched_at bigint, deadline_at bigint, state text, num_backers integer, num_updates integer, staff_pick boolean);
CREATE TABLE reward_tiers (tid integer PRIMARY KEY, cid integer REFERENCES campaigns(cid), label text, min_amount numeric(10,2), max_units integer);
CREATE TABLE pledges (pid integer PRIMARY KEY, cid integer REFERENCES campaigns(cid), backer_uid integer REFERENCES users(uid), tid integer REFERENCES reward_tiers(tid), amount numeric(10,2), pledged_at bigint, refunded boolean);
CREATE TABLE comments (id integer PRIMARY KEY, cid integer REFERENCES campaigns(cid), uid integer REFERENCES users(uid), body text, posted_at bigint);
INSERT INTO users
SELECT v.uid, v.username, v.country, extract(epoch FROM v.d::timestamptz)::bigint, v.ok FROM (VALUES
 (1,'brassowl','GB','2021-03-04 10:00+00',true),(2,'cobaltfox','DE','2021-11-20 08:30+00',true),(3,'driftmoth','US','2022-02-15 21:00+00',false),(4,'emberhen','GB','2022-06-01 06:45+00',true),
 (5,'fogheron','FR','2022-12-24 19:20+00',false),(6,'gritbadger','US','2023-04-09 12:00+00',true),(7,'hazelnewt','DE','2023-08-30 15:15+00',false),(8,'inkmarten','US','2024-01-17 11:11+00',true),(9,'jadetern','FR','2024-02-01 09:00+00',true)) AS v(uid,username,country,d,ok);
INSERT INTO campaigns
SELECT v.cid, v.o, v.title, v.cat, v.goal, extract(epoch FROM v.l::timestamptz)::bigint, extract(epoch FROM v.d::timestamptz)::bigint, v.st, v.nb, v.nu, v.sp FROM (VALUES
 (10,1,'Clockwork Kite','gadgets',5000.00,'2022-03-01 12:00+00','2022-03-31 12:00+00','funded',4,6,true),(11,2,'Moss Garden Atlas','books',1200.00,'2022-09-10 09:00+00','2022-10-10 09:00+00','funded',3,2,false),
 (12,1,'Pocket Theremin','music',3000.00,'2023-01-05 18:00+00','2023-02-19 18:00+00','failed',2,1,false),(13,4,'Tide Tables, a Board Game','games',8000.00,'2023-04-20 07:00+00','2023-05-20 07:00+00','funded',5,9,true),
 (14,6,'Solar Bread Oven','gadgets',15000.00,'2023-09-15 10:00+00','2023-11-14 10:00+00','failed',3,4,false),(15,2,'Songs for Ferries','music',900.00,'2024-01-08 16:30+00','2024-02-07 16:30+00','funded',3,3,true),
 (16,8,'Dice of Regret','games',2500.00,'2024-02-20 13:00+00','2024-03-21 13:00+00','cancelled',1,0,false),(17,4,'Hedgehog Almanac','books',700.00,'2024-04-02 08:00+00','2024-05-02 08:00+00','live',2,1,false)) AS v(cid,o,title,cat,goal,l,d,st,nb,nu,sp);
INSERT INTO reward_tiers VALUES (100,10,'sticker',5,NULL),(101,10,'one kite',60,200),(102,11,'e-book',15,NULL),(103,11,'hardback',45,150),(104,12,'kit',80,100),(105,13,'base game',50,500),(106,13,'deluxe',120,100),(107,14,'oven',400,60),(108,15,'download',10,NULL),(109,15,'vinyl',35,80),(110,16,'dice set',25,300),(111,17,'almanac',20,250),(112,17,'signed almanac',55,20);
INSERT INTO pledges
SELECT v.pid, v.cid, v.u, v.t, v.a, extract(epoch FROM v.d::timestamptz)::bigint, v.r FROM (VALUES
 (1,10,2,101,2400.00,'2022-03-02 10:00+00',false),(2,10,3,101,1900.00,'2022-03-05 22:10+00',false),(3,10,4,100,25.00,'2022-03-15 14:00+00',false),(4,10,5,101,1100.00,'2022-03-30 23:30+00',false),
 (5,11,1,103,500.00,'2022-09-11 11:00+00',false),(6,11,4,102,150.00,'2022-09-18 13:45+00',false),(7,11,3,103,650.00,'2022-10-01 09:20+00',false),(8,12,2,104,240.00,'2023-01-06 20:00+00',true),(9,12,5,104,160.00,'2023-02-10 17:00+00',true),
 (10,13,1,106,3600.00,'2023-04-20 09:00+00',false),(11,13,2,105,2500.00,'2023-04-25 16:40+00',false),(12,13,3,105,900.00,'2023-05-01 07:30+00',false),(13,13,6,106,2400.00,'2023-05-11 12:15+00',false),(14,13,5,105,50.00,'2023-05-19 21:50+00',true),
 (15,14,7,107,800.00,'2023-09-20 18:00+00',true),(16,14,2,107,400.00,'2023-10-02 08:00+00',true),(17,14,1,107,1200.00,'2023-11-01 15:30+00',true),(18,15,6,109,420.00,'2024-01-09 19:00+00',false),(19,15,7,108,60.00,'2024-01-20 10:10+00',false),
 (20,15,1,109,700.00,'2024-02-03 22:00+00',false),(21,16,6,110,75.00,'2024-02-21 14:00+00',true),(22,17,1,112,110.00,'2024-04-02 12:00+00',false),(23,17,7,111,40.00,'2024-04-10 09:30+00',false),(24,17,7,NULL,5.00,'2024-04-11 09:30+00',false)) AS v(pid,cid,u,t,a,d,r);
INSERT INTO comments
SELECT v.id, v.c, v.u, v.b, extract(epoch FROM v.d::timestamptz)::bigint FROM (VALUES
 (1,10,3,'When does it ship?','2022-04-20 10:00+00'),(2,10,2,'Lovely work','2022-05-02 10:00+00'),(3,13,6,'Any expansion planned?','2023-05-21 10:00+00'),(4,13,1,'Arrived, great fun','2023-12-19 10:00+00'),
 (5,14,7,'Is the refund coming?','2023-11-20 10:00+00'),(6,14,2,'Refund please','2023-11-25 10:00+00'),(7,15,6,'Track 4 on repeat','2024-03-03 10:00+00'),(8,13,3,'When does it ship?','2023-08-08 10:00+00')) AS v(id,c,u,b,d);
