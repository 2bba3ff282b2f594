CREATE TABLE conference (
  conf_code text, title text, city text, country text, start_date date, end_date date, reg_fee numeric(8,2)
);
CREATE TABLE author (
  author_id integer, full_name text, affiliation text, country text, student boolean
);
CREATE TABLE paper (
  paper_id integer, conf_code text, title text, topic text, submitted date, num_pages integer, num_reviews integer, decision text, avg_score numeric(3,1)
);
CREATE TABLE authorship (
  paper_id integer, author_id integer, position integer, corresponding boolean
);
CREATE TABLE review (
  review_id integer, paper_id integer, reviewer_id integer, score integer, confident boolean, sent_on date
);
CREATE TABLE talk (
  talk_id integer, paper_id integer, room_name text, talk_day date, begins time, minutes integer, speaker_id integer, recorded boolean
);
CREATE TABLE room (
  room_name text, floor integer, seats integer
);
INSERT INTO conference VALUES
 ('GEO23','Geodata Forum','Lisbon','Portugal','2023-05-15','2023-05-18',450.00),
 ('ALG23','Applied Algorithms Days','Vienna','Austria','2023-09-04','2023-09-06',380.00),
 ('GEO24','Geodata Forum','Oslo','Norway','2024-05-20','2024-05-23',520.00),
 ('BIO24','Computing in Biology','Vienna','Austria','2024-10-07','2024-10-11',610.00);
INSERT INTO author VALUES
 (1,'Ines Carvalho','University of Porto','Portugal',false),(2,'Jonas Frey','TU Graz','Austria',true),
 (3,'Keiko Mori','Kyoto Institute','Japan',false),(4,'Liam Brady','Cork Labs','Ireland',false),
 (5,'Mona Haddad','TU Graz','Austria',true),(6,'Nils Aas','Oslo Centre','Norway',false),
 (7,'Olga Petrova','Riga Tech','Latvia',true),(8,'Paulo Reis','University of Porto','Portugal',false),
 (9,'Quentin Moreau','Lyon School','France',false);
INSERT INTO paper VALUES
 (501,'GEO23','Tiling the Coast','maps','2023-01-10',12,3,'accepted',4.3),
 (502,'GEO23','Noise in River Gauges','sensors','2023-01-12',8,2,'rejected',2.0),
 (503,'GEO23','Indexing Parcels','databases','2023-01-20',10,3,'accepted',3.7),
 (504,'ALG23','Faster Matching','graphs','2023-04-02',14,3,'accepted',4.7),
 (505,'ALG23','Lazy Heaps Revisited','data structures','2023-04-11',9,2,'accepted',3.5),
 (506,'ALG23','Routing with Tolls','graphs','2023-04-15',16,2,'rejected',2.5),
 (507,'GEO24','Ice Cover from Space','sensors','2024-01-08',11,3,'accepted',4.0),
 (508,'GEO24','Maps for Cyclists','maps','2024-01-19',6,1,'withdrawn',NULL),
 (509,'GEO24','Graph Queries on Roads','graphs','2024-02-01',15,2,'accepted',4.5),
 (510,'BIO24','Folding on a Budget','proteins','2024-06-03',13,2,'accepted',3.0),
 (511,'BIO24','Counting Cells','imaging','2024-06-21',7,2,'rejected',1.5),
 (512,'BIO24','Trees of Viruses','graphs','2024-06-30',18,0,'pending',NULL);
INSERT INTO authorship VALUES
 (501,1,1,true),(501,8,2,false),(502,4,1,true),(503,2,1,true),(503,1,2,false),(504,3,1,true),(504,2,2,false),(504,5,3,false),
 (505,5,1,true),(506,7,1,true),(506,9,2,false),(507,6,1,true),(507,3,2,false),(508,8,1,true),(509,6,1,false),(509,7,2,true),
 (510,3,1,true),(510,4,2,false),(511,2,1,true),(512,7,1,true),(512,6,2,false),(512,3,3,false);
INSERT INTO review VALUES
 (1,501,3,5,true,'2023-02-20'),(2,501,4,4,true,'2023-02-22'),(3,501,6,4,false,'2023-03-01'),(4,502,1,2,true,'2023-02-18'),(5,502,6,2,true,'2023-02-25'),
 (6,503,4,4,false,'2023-02-27'),(7,503,8,3,true,'2023-03-02'),(8,503,6,4,true,'2023-03-02'),(9,504,1,5,true,'2023-05-19'),(10,504,6,5,true,'2023-05-20'),
 (11,504,8,4,false,'2023-05-28'),(12,505,3,3,false,'2023-05-21'),(13,505,4,4,true,'2023-05-30'),(14,506,3,2,true,'2023-05-18'),(15,506,8,3,false,'2023-06-02'),
 (16,507,1,4,true,'2024-02-15'),(17,507,4,4,true,'2024-02-20'),(18,507,8,4,false,'2024-02-28'),(19,508,3,3,true,'2024-02-11'),(20,509,1,4,true,'2024-03-01'),
 (21,509,3,5,true,'2024-03-05'),(22,510,6,3,false,'2024-07-20'),(23,510,8,3,true,'2024-07-22'),(24,511,3,1,true,'2024-07-15'),(25,511,6,2,true,'2024-07-29');
INSERT INTO talk VALUES
 (71,501,'Aula Magna','2023-05-15','09:30',30,1,true),(72,503,'Sala 2','2023-05-16','11:00',20,2,false),(73,504,'Festsaal','2023-09-04','10:00',40,3,true),
 (74,505,'Seminar B','2023-09-05','14:15',20,5,false),(75,507,'Fjord Hall','2024-05-20','09:00',30,6,true),(76,509,'Fjord Hall','2024-05-21','13:30',25,7,true),
 (77,510,'Festsaal','2024-10-08','16:00',45,4,false);
INSERT INTO room VALUES ('Aula Magna',1,400),('Sala 2',2,60),('Festsaal',1,250),('Seminar B',3,35),('Fjord Hall',2,180),('Galleriet',4,50);
