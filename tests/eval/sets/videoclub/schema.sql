CREATE TABLE member (mem_id integer PRIMARY KEY, name text, street text, town text, date date, status text, plan_code text);
CREATE TABLE plan (code text PRIMARY KEY, name text, monthly_fee numeric(6,2), max_out integer);
CREATE TABLE movie (mov_id integer PRIMARY KEY, name text, year integer, genre text, running_time integer, age_rating text, director text);
CREATE TABLE copy (barcode text PRIMARY KEY, movie integer REFERENCES movie(mov_id), branch text, format text, date date, status text);
CREATE TABLE branch (code text PRIMARY KEY, name text, town text, opened date);
CREATE TABLE loan (loan_no integer PRIMARY KEY, member integer REFERENCES member(mem_id), barcode text REFERENCES copy(barcode), date date, due date, returned date, fee numeric(6,2));
CREATE TABLE fine (fine_no integer PRIMARY KEY, loan_no integer REFERENCES loan(loan_no), amount numeric(6,2), date date, paid boolean);
CREATE TABLE cast_member (movie integer REFERENCES movie(mov_id), actor text, role text, lead boolean);
INSERT INTO plan VALUES ('BAS','Basic',5.00,1),('STD','Standard',9.50,3),('CIN','Cinephile',16.00,6);
INSERT INTO branch VALUES ('CTR','Central','Ashford','2009-05-01'),('RIV','Riverside','Ashford','2014-10-11'),('MIL','Mill Lane','Tenby','2018-03-23');
INSERT INTO member VALUES
 (1,'Nora Quill','4 Elm Row','Ashford','2019-02-10','active','STD'),(2,'Omar Sayed','11 Dock Rd','Tenby','2020-07-18','active','BAS'),(3,'Pia Lund','9 Elm Row','Ashford','2018-11-02','suspended','CIN'),
 (4,'Rolf Meier','2 Hill St','Ashford','2021-01-29','active','CIN'),(5,'Suki Tanaka','30 Bay View','Tenby','2022-04-04','closed','BAS'),(6,'Theo Grant','5 Hill St','Marlow','2023-08-15','active','STD'),
 (7,'Uma Patel','71 Dock Rd','Tenby',CURRENT_DATE - 100,'active','BAS'),(8,'Viktor Hahn','1 Mill Yard','Marlow',CURRENT_DATE - 21,'active','STD');
INSERT INTO movie VALUES
 (1,'The Salt Road',1998,'drama',124,'12','H. Ostrander'),(2,'Robot Picnic',2011,'comedy',96,'U','M. Delacroix'),(3,'Midnight Ferry',2004,'thriller',108,'15','H. Ostrander'),(4,'Paper Lanterns',2016,'drama',131,'PG','Y. Sato'),
 (5,'Nine Locks',2019,'thriller',117,'18','B. Amadi'),(6,'Goose Parade',2007,'comedy',88,'U','M. Delacroix'),(7,'Under Ganymede',2021,'sci-fi',142,'12','B. Amadi'),(8,'Quiet Orbit',1979,'sci-fi',101,'PG','L. Fenwick');
INSERT INTO copy VALUES
 ('C-001',1,'CTR','dvd','2015-01-05','in'),('C-002',1,'RIV','dvd','2016-06-01','lost'),('C-003',2,'CTR','blu-ray','2014-02-14','in'),('C-004',2,'MIL','dvd','2018-04-01','out'),('C-005',3,'CTR','dvd','2012-09-09','in'),
 ('C-006',4,'RIV','blu-ray','2017-03-03','in'),('C-007',5,'CTR','blu-ray','2020-01-20','out'),('C-008',5,'MIL','blu-ray','2020-02-11','in'),('C-009',6,'RIV','dvd','2011-11-11','in'),('C-010',7,'CTR','blu-ray','2022-02-02','out'),
 ('C-011',7,'MIL','blu-ray','2022-02-03','in'),('C-012',8,'CTR','vhs','2009-05-01','withdrawn');
INSERT INTO loan VALUES
 (1,1,'C-001','2023-01-05','2023-01-12','2023-01-11',2.50),(2,1,'C-003','2023-01-20','2023-01-27','2023-02-02',3.00),(3,3,'C-007','2023-02-11','2023-02-14','2023-02-14',4.00),(4,4,'C-010','2023-03-01','2023-03-04','2023-03-09',4.50),
 (5,2,'C-004','2023-03-18','2023-03-25','2023-03-24',2.50),(6,4,'C-006','2023-04-22','2023-04-29','2023-04-28',3.00),(7,3,'C-002','2023-05-07','2023-05-14',NULL,2.50),(8,5,'C-008','2023-06-10','2023-06-13','2023-06-20',4.00),
 (9,4,'C-005','2023-08-05','2023-08-12','2023-08-10',2.50),(10,6,'C-009','2023-09-02','2023-09-09','2023-09-09',2.00),(11,1,'C-010','2023-12-23','2023-12-26','2023-12-30',4.50),(12,4,'C-011','2024-01-13','2024-01-16','2024-01-15',4.50),
 (13,2,'C-008','2024-02-17','2024-02-20','2024-02-21',4.00),(14,7,'C-004',CURRENT_DATE - 12,CURRENT_DATE - 5,NULL,2.50),(15,4,'C-007',CURRENT_DATE - 2,CURRENT_DATE + 1,NULL,4.00),(16,1,'C-010',CURRENT_DATE - 1,CURRENT_DATE + 2,NULL,4.50),(17,1,'C-006',CURRENT_DATE - 45,CURRENT_DATE - 38,CURRENT_DATE - 39,3.00),(18,6,'C-008','2024-03-02','2024-03-05','2024-03-05',4.00);
INSERT INTO fine VALUES (1,2,3.00,'2023-02-02',true),(2,4,2.50,'2023-03-09',true),(3,7,15.00,'2023-06-30',false),(4,8,3.50,'2023-06-20',false),(5,11,2.00,'2023-12-30',true),(6,13,0.50,'2024-02-21',true),(7,14,1.50,CURRENT_DATE - 3,false);
INSERT INTO cast_member VALUES (1,'Edda Rowe','Captain Hale',true),(1,'Ivo Stern','The Merchant',false),(2,'Tim Okafor','Rusty',true),(3,'Edda Rowe','Inspector Lane',true),(3,'Pella Vance','Marguerite',true),(4,'Kenji Abe','Grandfather',true),
 (5,'Ivo Stern','Locksmith',true),(6,'Tim Okafor','Farmer Gus',true),(6,'Pella Vance','Mrs Plum',false),(7,'Edda Rowe','Dr. Sorel',true),(7,'Kenji Abe','Pilot',false),(8,'Old Ben Carey','Navigator',true);
