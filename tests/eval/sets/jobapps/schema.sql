CREATE TABLE department (dept text, head text, floor integer, budget numeric(12,2));
CREATE TABLE vacancy (ref text, title text, dept text, office text, salary_min integer, salary_max integer, remote boolean, opened date, closed date, status text, num_positions integer);
CREATE TABLE candidate (cand_id integer, first_name text, last_name text, email text, home_town text, years_exp integer, degree text, source text, created date);
CREATE TABLE application (appl_id integer, cand_id integer, vacancy_ref text, date date, expected_salary integer, status text, rejected_because text);
CREATE TABLE interview (int_id integer, appl_id integer, round integer, held_at timestamp, interviewer text, score integer, passed boolean);
CREATE TABLE offer (offer_id integer, appl_id integer, salary integer, made_on date, answered_on date, accepted boolean);
CREATE TABLE skill (skill_id integer, name text, kind text);
CREATE TABLE candidate_skill (cand_id integer, skill_id integer, level integer);
CREATE TABLE vacancy_skill (vacancy_ref text, skill_id integer, mandatory boolean);
INSERT INTO department VALUES ('Engineering','Sven Arvid',3,900000),('Finance','Lotte Braun',1,250000),('Marketing','Ruth Okello',2,310000),('Legal','Iain Muir',1,180000);
INSERT INTO vacancy VALUES
 ('V-01','Backend Developer','Engineering','Hamburg',55000,72000,true,'2023-01-10','2023-03-31','filled',2),('V-02','Accountant','Finance','Bremen',42000,51000,false,'2023-02-15','2023-05-02','filled',1),
 ('V-03','Data Analyst','Engineering','Hamburg',50000,64000,true,'2023-06-01','2023-09-15','filled',1),('V-04','Brand Manager','Marketing','Berlin',48000,60000,false,'2023-09-20','2023-12-01','withdrawn',1),
 ('V-05','Platform Engineer','Engineering','Berlin',62000,80000,true,'2024-01-08',NULL,'open',3),('V-06','Content Writer','Marketing','Berlin',36000,43000,true,'2024-02-01','2024-04-12','filled',1),
 ('V-07','Controller','Finance','Bremen',58000,70000,false,CURRENT_DATE - 60,NULL,'open',1),('V-08','Paralegal','Legal','Hamburg',38000,46000,false,CURRENT_DATE - 15,NULL,'open',1);
INSERT INTO candidate VALUES
 (1,'Alma','Reuter','alma.reuter@fastpost.example','Hamburg',6,'master','referral','2023-01-12'),(2,'Bruno','Keller','bruno@openmail.example','Kiel',2,'bachelor','job board','2023-01-20'),(3,'Celine','Duval','celine@fastpost.example','Berlin',9,'master','job board','2023-02-18'),
 (4,'Deniz','Arslan','deniz@openmail.example','Bremen',4,'bachelor','website','2023-03-01'),(5,'Elif','Yildiz',NULL,'Hamburg',1,'bachelor','website','2023-06-11'),(6,'Falk','Richter','falk@openmail.example','Leipzig',12,'doctorate','agency','2023-06-15'),
 (7,'Gesa','Thoms','gesa@fastpost.example','Hamburg',3,'none','referral','2023-09-25'),(8,'Henrik','Olsen','henrik@openmail.example','Kiel',7,'master','agency','2024-01-10'),(9,'Imke','Voss','imke@openmail.example','Berlin',5,'bachelor','job board','2024-02-03'),
 (10,'Jaro','Benes','jaro@fastpost.example','Leipzig',0,'none','website',CURRENT_DATE - 55),(11,'Kira','Sommer',NULL,'Bremen',8,'master','referral',CURRENT_DATE - 12),(12,'Lars','Kohl','lars@openmail.example','Bremen',10,'bachelor','website',CURRENT_DATE - 3);
INSERT INTO application VALUES
 (301,1,'V-01','2023-01-14',68000,'hired',NULL),(302,2,'V-01','2023-01-22',56000,'hired',NULL),(303,3,'V-01','2023-02-19',79000,'rejected','too expensive'),(304,4,'V-02','2023-03-03',45000,'hired',NULL),(305,3,'V-02','2023-03-05',52000,'rejected','wrong profile'),
 (306,5,'V-03','2023-06-12',51000,'rejected','too junior'),(307,6,'V-03','2023-06-18',66000,'withdrawn',NULL),(308,2,'V-03','2023-07-01',58000,'rejected','wrong profile'),(309,7,'V-04','2023-09-30',50000,'rejected','vacancy withdrawn'),
 (310,8,'V-05','2024-01-12',77000,'offer',NULL),(311,1,'V-05','2024-01-20',81000,'interview',NULL),(312,6,'V-05','2024-02-02',90000,'rejected','too expensive'),(313,9,'V-06','2024-02-05',40000,'hired',NULL),(314,7,'V-06','2024-02-11',38000,'rejected','weak sample'),
 (315,11,'V-03','2023-08-02',60000,'hired',NULL),(316,10,'V-05',CURRENT_DATE - 54,60000,'new',NULL),(317,4,'V-07',CURRENT_DATE - 40,63000,'interview',NULL),(318,11,'V-07',CURRENT_DATE - 11,69000,'new',NULL);
INSERT INTO interview VALUES
 (1,301,1,'2023-01-25 10:00','Sven Arvid',8,true),(2,301,2,'2023-02-01 14:00','Nadja Frost',9,true),(3,302,1,'2023-01-30 09:30','Nadja Frost',7,true),(4,302,2,'2023-02-06 11:00','Sven Arvid',6,true),(5,303,1,'2023-02-27 15:00','Sven Arvid',8,true),(6,304,1,'2023-03-14 13:00','Lotte Braun',9,true),
 (7,305,1,'2023-03-15 13:00','Lotte Braun',4,false),(8,306,1,'2023-06-26 10:30','Nadja Frost',3,false),(9,307,1,'2023-07-03 16:00','Sven Arvid',9,true),(10,315,1,'2023-08-14 10:00','Nadja Frost',8,true),(11,310,1,'2024-01-22 09:00','Sven Arvid',7,true),(12,310,2,'2024-02-02 09:00','Nadja Frost',8,true),
 (13,311,1,'2024-02-05 12:00','Nadja Frost',6,true),(14,313,1,'2024-02-19 11:30','Ruth Okello',9,true),(15,314,1,'2024-02-20 11:30','Ruth Okello',5,false),(16,317,1,CURRENT_DATE - 20 + time '10:00','Lotte Braun',8,true);
INSERT INTO offer VALUES (1,301,67000,'2023-02-05','2023-02-08',true),(2,302,56000,'2023-02-10','2023-02-20',true),(3,304,46000,'2023-03-20','2023-03-21',true),(4,307,62000,'2023-07-12','2023-07-26',false),(5,315,59500,'2023-08-25','2023-09-01',true),(6,313,41000,'2024-02-27','2024-03-01',true),(7,310,76000,'2024-02-12',NULL,NULL);
INSERT INTO skill VALUES (1,'Go','technical'),(2,'SQL','technical'),(3,'Bookkeeping','business'),(4,'Copywriting','creative'),(5,'Kubernetes','technical'),(6,'English','language'),(7,'French','language');
INSERT INTO candidate_skill VALUES (1,1,5),(1,2,4),(2,1,2),(2,2,3),(3,7,5),(3,3,2),(4,3,5),(4,6,3),(5,2,2),(6,2,5),(6,6,5),(7,4,3),(8,5,5),(8,1,4),(9,4,5),(9,6,5),(11,2,4),(11,3,4);
INSERT INTO vacancy_skill VALUES ('V-01',1,true),('V-01',2,false),('V-02',3,true),('V-03',2,true),('V-03',6,false),('V-05',5,true),('V-05',1,true),('V-06',4,true),('V-06',6,true),('V-07',3,true);
