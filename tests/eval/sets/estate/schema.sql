CREATE TABLE office (office_code varchar(8), office_city varchar(40), state varchar(30), manager varchar(60), opened date);
CREATE TABLE agent (agent_name varchar(60), office_code varchar(8), license_no varchar(12), start_date date, commission_pct numeric(4,2), is_active boolean);
CREATE TABLE neighborhood (neighborhood varchar(40), city varchar(40), state varchar(30), median_income integer, walk_score integer);
CREATE TABLE listing (mls_no varchar(10), address varchar(80), neighborhood varchar(40), property_type varchar(20), bedrooms integer, bathrooms numeric(3,1), sq_ft integer, year_built integer, has_garage boolean, has_pool boolean, pets_allowed boolean, list_price numeric(12,2), listed_on date, listing_agent varchar(60), status varchar(20));
CREATE TABLE showing (mls_no varchar(10), buyer varchar(60), agent_name varchar(60), shown_at timestamp, feedback varchar(20));
CREATE TABLE offer (offer_no integer, mls_no varchar(10), buyer varchar(60), offer_price numeric(12,2), offer_date date, accepted boolean, financing varchar(20));
CREATE TABLE sale (mls_no varchar(10), sale_price numeric(12,2), closing_date date, buyer varchar(60), selling_agent varchar(60));
INSERT INTO office VALUES ('AUS','Austin','Texas','Rosalind Park','2008-03-01'),('DAL','Dallas','Texas','Victor Hale','2012-09-15'),('TUL','Tulsa','Oklahoma','Priya Nair','2019-06-01'),('SAF','Santa Fe','New Mexico',NULL,'2023-02-01');
INSERT INTO agent VALUES
('Rosalind Park','AUS','TX-10021','2008-03-01',3.00,true),('Miguel Santos','AUS','TX-10877','2014-05-12',2.75,true),('Joy Whitaker','DAL','TX-11340','2016-01-04',2.50,true),('Victor Hale','DAL','TX-10455','2012-09-15',3.25,true),
('Priya Nair','TUL','OK-2031','2019-06-01',2.80,true),('Ned Crowe','TUL','OK-2077','2021-10-20',2.40,false),('Ana Whitehorse','SAF','NM-501','2023-02-01',2.60,true),('Leo Marsh','AUS','TX-12990','2024-01-15',2.25,true);
INSERT INTO neighborhood VALUES
('Bluebonnet Hills','Austin','Texas',98000,61),('East Mill','Austin','Texas',64000,83),('Oak Prairie','Dallas','Texas',112000,38),('Deep Canyon','Dallas','Texas',71000,90),('Riverside','Tulsa','Oklahoma',58500,55),('Maple Ridge','Tulsa','Oklahoma',83000,NULL),('Old Plaza','Santa Fe','New Mexico',76500,77),('Mesa Vista','Santa Fe','New Mexico',69000,29);
INSERT INTO listing VALUES
('M1001','12 Lark Lane','Bluebonnet Hills','house',4,3.0,2850,1998,true,true,true,735000,'2023-02-11','Rosalind Park','sold'),
('M1002','88 Mill Street #4','East Mill','condo',2,1.5,1020,2015,false,false,true,389000,'2023-03-05','Miguel Santos','sold'),
('M1003','401 Prairie Road','Oak Prairie','house',5,4.5,4100,2006,true,true,NULL,1240000,'2023-04-20','Victor Hale','sold'),
('M1004','9 Canyon Court','Deep Canyon','townhouse',3,2.5,1680,2011,true,false,true,512000,'2023-06-02','Joy Whitaker','sold'),
('M1005','230 River Walk','Riverside','condo',1,1.0,740,1987,false,true,false,149500,'2023-06-28','Ned Crowe','withdrawn'),
('M1006','17 Maple Drive','Maple Ridge','house',3,2.0,1925,1954,false,false,NULL,318000,'2023-08-14','Priya Nair','sold'),
('M1007','5 Plaza Nueva','Old Plaza','house',2,2.0,1410,1931,false,false,true,649000,'2023-09-30','Ana Whitehorse','sold'),
('M1008','77 Mill Street','East Mill','townhouse',3,2.5,1540,2018,true,false,true,498500,'2023-11-09','Miguel Santos','sold'),
('M1009','15 Lark Lane','Bluebonnet Hills','house',3,2.0,2010,1996,true,false,true,585000,'2024-01-22','Rosalind Park','sold'),
('M1010','610 Prairie Road','Oak Prairie','house',4,3.5,3320,2001,true,true,false,899000,'2024-02-17','Victor Hale','pending'),
('M1011','31 Canyon Loft 2B','Deep Canyon','condo',1,1.0,810,2020,false,true,false,342000,'2024-03-08','Joy Whitaker','active'),
('M1012','204 River Walk','Riverside','condo',2,2.0,1130,1990,false,true,true,205000,'2024-03-29','Priya Nair','active'),
('M1013','2 Mesa Road','Mesa Vista','land',NULL,NULL,NULL,NULL,false,false,NULL,98000,'2024-04-15','Ana Whitehorse','active'),
('M1014','44 Plaza Vieja','Old Plaza','townhouse',2,1.5,1250,1978,false,false,true,455000,'2024-05-06','Ana Whitehorse','pending'),
('M1015','19 Maple Drive','Maple Ridge','house',4,2.5,2440,1961,true,false,true,372500,'2024-06-18','Priya Nair','active'),
('M1016','101 Mill Street #9','East Mill','condo',1,1.0,690,2021,false,false,false,299000,'2024-07-27','Leo Marsh','active');
INSERT INTO showing VALUES
('M1001','Tess Okafor','Rosalind Park','2023-02-18 10:00','liked'),('M1001','Glenn Abbot','Miguel Santos','2023-02-19 14:00','too expensive'),('M1002','Tess Okafor','Miguel Santos','2023-03-11 11:30','too small'),('M1002','Yuki Arai','Miguel Santos','2023-03-12 16:00','liked'),
('M1003','Glenn Abbot','Victor Hale','2023-05-01 09:30','liked'),('M1004','Dora Finch','Joy Whitaker','2023-06-10 13:00','liked'),('M1005','Sol Reyes','Ned Crowe','2023-07-08 15:15','too small'),('M1006','Sol Reyes','Priya Nair','2023-08-26 12:00','liked'),
('M1007','Iris Bloom','Ana Whitehorse','2023-10-07 10:45',NULL),('M1008','Hank Moody','Leo Marsh','2024-01-20 11:00','liked'),('M1008','Yuki Arai','Miguel Santos','2023-11-25 17:00','too expensive'),('M1009','Dora Finch','Rosalind Park','2024-02-03 09:00','too far'),
('M1009','Cole Banks','Rosalind Park','2024-02-04 15:00','liked'),('M1010','Cole Banks','Victor Hale','2024-03-02 10:00','too expensive'),('M1011','Hank Moody','Joy Whitaker','2024-03-16 14:30',NULL),('M1014','Iris Bloom','Ana Whitehorse','2024-05-18 11:15','liked'),('M1010','Rhea Stone','Joy Whitaker','2024-05-25 13:00','liked');
INSERT INTO offer VALUES
(1,'M1001','Tess Okafor',720000,'2023-02-21',true,'mortgage'),(2,'M1001','Glenn Abbot',690000,'2023-02-20',false,'cash'),(3,'M1002','Yuki Arai',385000,'2023-03-14',true,'mortgage'),(4,'M1003','Glenn Abbot',1190000,'2023-05-04',true,'cash'),
(5,'M1004','Dora Finch',495000,'2023-06-12',false,'mortgage'),(6,'M1004','Dora Finch',508000,'2023-06-15',true,'mortgage'),(7,'M1006','Sol Reyes',311000,'2023-08-29',true,'mortgage'),(8,'M1007','Iris Bloom',600000,'2023-10-10',false,'cash'),
(9,'M1007','Walt Kern',655000,'2023-10-21',true,'cash'),(10,'M1008','Hank Moody',500500,'2024-01-25',true,'mortgage'),(11,'M1009','Cole Banks',577000,'2024-02-06',true,'mortgage'),(12,'M1010','Rhea Stone',875000,'2024-05-29',true,'mortgage'),(13,'M1014','Iris Bloom',440000,'2024-05-20',NULL,'cash'),(14,'M1010','Cole Banks',810000,'2024-03-05',false,NULL);
INSERT INTO sale VALUES
('M1001',720000,'2023-03-28','Tess Okafor','Rosalind Park'),('M1002',385000,'2023-04-17','Yuki Arai','Miguel Santos'),('M1003',1190000,'2023-06-01','Glenn Abbot','Victor Hale'),('M1004',508000,'2023-07-20','Dora Finch','Joy Whitaker'),
('M1006',311000,'2023-10-02','Sol Reyes','Priya Nair'),('M1007',655000,'2023-11-15','Walt Kern','Rosalind Park'),('M1008',500500,'2024-03-01','Hank Moody','Leo Marsh'),('M1009',577000,'2024-03-19','Cole Banks','Rosalind Park');
