CREATE TABLE subscriber (cust_no bigint, surname varchar(40), given_name varchar(40), dob date, segment varchar(12), postcode varchar(8), city varchar(30), optin_sms char(1));
CREATE TABLE tariff (tariff_cd varchar(8), tariff_name varchar(40), monthly_charge numeric(6,2), gb_included integer, min_included integer, on_sale char(1));
CREATE TABLE contract (contract_no varchar(10), cust_no bigint, tariff_cd varchar(8), msisdn varchar(15), signed_dt date, term_months integer, ended_dt date, dealer_cd varchar(6), status varchar(12));
CREATE TABLE dealer (dealer_cd varchar(6), dealer_name varchar(40), city varchar(30), chan varchar(10));
CREATE TABLE usage_month (msisdn varchar(15), period date, voice_min integer, sms_cnt integer, data_gb numeric(7,2), roaming_gb numeric(7,2));
CREATE TABLE invoice (inv_no integer, contract_no varchar(10), inv_dt date, net_amt numeric(8,2), vat_amt numeric(8,2), due_dt date, paid_dt date);
CREATE TABLE ticket (ticket_no integer, cust_no bigint, opened_ts timestamp, closed_ts timestamp, topic varchar(20), prio smallint, csat smallint);
INSERT INTO subscriber VALUES
 (700001,'Lindgren','Astrid','1980-05-12','private','11122','Uppsala','Y'),(700002,'Berg','Oskar','1992-10-01','private','75310','Uppsala','N'),(700003,'Nordin','Tove','1967-01-25','business','41103','Gothenburg','Y'),
 (700004,'Ek','Sixten','2001-08-19','student','22100','Lund','Y'),(700005,'Holm','Britta','1958-12-30','private','22350','Lund','N'),(700006,'Falk','Joel','1985-03-03','business','41250','Gothenburg','N'),(700007,'Sandin','Maja','1999-06-06','student','75450','Uppsala','Y'),(700008,'Wik','Edvin','1975-09-14','private','41300','Gothenburg','N');
INSERT INTO tariff VALUES ('S5','Mini 5',9.90,5,100,'Y'),('M20','Medium 20',19.90,20,500,'Y'),('L60','Large 60',32.50,60,2000,'Y'),('OLD3','Classic 3',14.00,3,60,'N'),('BIZ','Business Flat',45.00,100,5000,'Y'),('KID1','Junior 1',4.50,1,30,'Y');
INSERT INTO dealer VALUES ('D01','Mobilhuset','Uppsala','shop'),('D02','Ring & Co','Gothenburg','shop'),('D03','webstore',NULL,'online'),('D04','CallPoint','Lund','phone'),('D05','Skyltfonster','Lund','shop');
INSERT INTO contract VALUES
 ('K-1001',700001,'M20','46700100','2021-03-15',24,NULL,'D01','active'),('K-1002',700002,'S5','46700200','2022-06-01',12,NULL,'D03','active'),('K-1003',700003,'BIZ','46700300','2020-11-20',36,NULL,'D02','active'),('K-1004',700003,'BIZ','46700301','2022-01-10',24,NULL,'D02','active'),
 ('K-1005',700004,'S5','46700400','2023-09-01',12,NULL,'D03','suspended'),('K-1006',700005,'OLD3','46700500','2015-05-05',24,'2023-05-04','D04','terminated'),('K-1007',700005,'M20','46700501','2023-05-05',24,NULL,'D04','active'),('K-1008',700006,'L60','46700600','2021-08-17',24,'2023-12-31','D02','terminated'),
 ('K-1009',700007,'L60','46700700','2024-01-30',12,NULL,'D03','active'),('K-1010',700001,'S5','46700101','2023-02-14',12,NULL,'D03','active'),('K-1011',700007,'S5','46700701',CURRENT_DATE - 70,12,NULL,'D01','active');
INSERT INTO usage_month VALUES
 ('46700100','2024-01-01',210,14,18.20,0),('46700100','2024-02-01',190,9,21.50,1.20),('46700100','2024-03-01',240,11,19.90,0),('46700200','2024-01-01',45,2,3.10,0),('46700200','2024-02-01',61,0,5.60,0),('46700200','2024-03-01',38,1,4.40,0),
 ('46700300','2024-01-01',1450,35,40.00,6.50),('46700300','2024-02-01',1610,20,44.70,3.00),('46700300','2024-03-01',1380,41,39.20,0),('46700301','2024-02-01',720,12,15.00,0),('46700400','2024-01-01',12,80,6.30,0),('46700400','2024-02-01',0,3,0.40,0),
 ('46700501','2024-01-01',95,0,1.10,0),('46700501','2024-03-01',120,0,0.90,0),('46700700','2024-02-01',33,150,58.10,0),('46700700','2024-03-01',41,131,63.70,4.40),('46700101','2024-01-01',20,5,2.00,0),('46700101','2024-03-01',25,4,2.60,0);
INSERT INTO invoice VALUES
 (80001,'K-1001','2024-01-31',19.90,4.98,'2024-02-14','2024-02-10'),(80002,'K-1002','2024-01-31',9.90,2.48,'2024-02-14','2024-02-20'),(80003,'K-1003','2024-01-31',52.00,13.00,'2024-02-14','2024-02-13'),(80004,'K-1005','2024-01-31',12.40,3.10,'2024-02-14',NULL),
 (80005,'K-1007','2024-01-31',19.90,4.98,'2024-02-14','2024-02-14'),(80006,'K-1001','2024-02-29',23.40,5.85,'2024-03-14','2024-03-19'),(80007,'K-1003','2024-02-29',48.50,12.13,'2024-03-14','2024-03-12'),(80008,'K-1004','2024-02-29',45.00,11.25,'2024-03-14','2024-04-02'),
 (80009,'K-1005','2024-02-29',9.90,2.48,'2024-03-14',NULL),(80010,'K-1009','2024-02-29',32.50,8.13,'2024-03-14','2024-03-14'),(80011,'K-1009','2024-03-31',37.50,9.38,'2024-04-14','2024-04-10'),(80012,'K-1011',CURRENT_DATE - 20,9.90,2.48,CURRENT_DATE - 6,NULL),(80013,'K-1010','2024-03-31',9.90,2.48,'2024-04-14','2024-04-12');
INSERT INTO ticket VALUES
 (1,700002,'2024-02-16 09:12','2024-02-16 11:40','billing',2,4),(2,700004,'2024-02-20 14:05','2024-02-25 10:00','billing',1,2),(3,700003,'2024-03-01 08:00','2024-03-01 08:45','coverage',1,5),(4,700006,'2023-11-28 17:20','2023-12-02 09:30','cancellation',2,1),
 (5,700001,'2024-03-20 10:10','2024-03-21 10:10','billing',3,3),(6,700007,'2024-04-02 19:00','2024-04-03 07:30','roaming',2,NULL),(7,700003,CURRENT_DATE - 4 + time '13:00',NULL,'coverage',1,NULL),(8,700007,CURRENT_DATE - 12 + time '16:15',CURRENT_DATE - 11 + time '09:00','billing',3,5);
