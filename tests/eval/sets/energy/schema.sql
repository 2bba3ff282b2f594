CREATE TABLE em_cust (cust_no integer, cust_nm varchar(60), cust_typ varchar(12), cust_city varchar(40), cust_since_yr integer, pay_mthd varchar(16));
CREATE TABLE em_site (site_no integer, cust_no integer, site_addr varchar(80), site_city varchar(40), site_zone varchar(8), flr_area_m2 integer, has_solar_flg char(1));
CREATE TABLE em_mtr (mtr_no varchar(10), site_no integer, mtr_typ varchar(12), mtr_mfr varchar(30), inst_dt date, smart_flg char(1), rem_dt date);
CREATE TABLE em_rdg (mtr_no varchar(10), rdg_yr integer, rdg_mth integer, cons_kwh numeric(10,1), peak_kwh numeric(10,1), est_flg char(1));
CREATE TABLE em_trf (trf_cd varchar(6), trf_nm varchar(40), unit_prc_ct numeric(6,2), stnd_chg_eur numeric(6,2), grn_flg char(1));
CREATE TABLE em_ctr (ctr_no integer, site_no integer, trf_cd varchar(6), beg_dt date, end_dt date);
CREATE TABLE em_bill (bill_no integer, ctr_no integer, bill_yr integer, bill_mth integer, bill_amt_eur numeric(10,2), paid_flg char(1), rmdr_cnt integer);
CREATE TABLE em_outg (outg_no integer, site_zone varchar(8), beg_ts timestamp, end_ts timestamp, cause varchar(30));
INSERT INTO em_cust VALUES
(1,'Bakery Lindner','business','Graz',2012,'direct debit'),(2,'Eva Horvath','private','Graz',2018,'transfer'),(3,'Kurz Metallbau','business','Linz',2009,'invoice'),(4,'Stefan Pichler','private','Linz',2020,'direct debit'),
(5,'Villa Rosa Hotel','business','Villach',2016,'direct debit'),(6,'Anna Gruber','private','Villach',2021,NULL),(7,'City of Wels','public','Wels',2005,'invoice'),(8,'Max Huber','private','Graz',2023,'transfer');
INSERT INTO em_site VALUES
(10,1,'Hauptplatz 3','Graz','N1',220,'N'),(11,2,'Gartenweg 8','Graz','N1',95,'Y'),(12,3,'Industriestr. 40','Linz','E2',3400,'Y'),(13,3,'Lagerhof 2','Wels','E3',1800,'N'),(14,4,'Ringstr. 17','Linz','E2',78,'N'),
(15,5,'Seeufer 1','Villach','S1',1500,'Y'),(16,6,'Am Bach 5','Villach','S1',110,NULL),(17,7,'Rathausplatz 1','Wels','E3',4200,'N'),(18,7,'Schulgasse 9','Wels','E3',2600,'Y'),(19,8,'Burggasse 22','Graz','N2',64,'N');
INSERT INTO em_mtr VALUES
('MT100',10,'electric','Voltron','2014-05-10','N',NULL),('MT101',11,'electric','Voltron','2018-03-22','Y',NULL),('MT102',12,'electric','Amperix','2011-09-01','Y','2022-06-30'),('MT103',12,'electric','Amperix','2022-07-01','Y',NULL),
('MT104',13,'electric','Voltron','2015-11-19','N',NULL),('MT105',14,'electric','Zaehltec','2020-08-03','Y',NULL),('MT106',15,'electric','Amperix','2016-04-12','Y',NULL),('MT107',15,'gas','Gasmark','2016-04-12','N',NULL),
('MT108',16,'electric','Zaehltec','2021-10-27','Y',NULL),('MT109',17,'electric','Amperix','2019-01-15','Y',NULL),('MT110',18,'electric','Voltron','2023-02-06','Y',NULL),('MT111',18,'gas','Gasmark','2008-12-01','N',NULL),('MT112',19,'electric','Zaehltec','2023-09-14','Y',NULL);
INSERT INTO em_rdg VALUES
('MT100',2023,1,1990.4,990.0,'N'),('MT101',2023,1,255.0,91.0,'N'),('MT100',2023,11,1820.5,910.0,'N'),('MT100',2023,12,1994.0,1010.5,'N'),('MT100',2024,1,2051.2,1042.0,'Y'),('MT100',2024,2,1877.7,933.3,'N'),
('MT101',2023,12,240.0,88.0,'N'),('MT101',2024,1,262.4,97.5,'N'),('MT101',2024,2,201.1,70.2,'N'),('MT101',2024,6,75.3,21.0,'N'),
('MT102',2022,5,9800.0,5600.0,'Y'),('MT103',2023,12,10450.0,6100.0,'N'),('MT103',2024,1,11875.5,6920.0,'N'),('MT103',2024,2,10990.0,6401.5,'N'),
('MT104',2023,12,3120.0,1300.0,'N'),('MT104',2024,1,3345.0,1422.0,'Y'),('MT105',2023,12,188.8,60.1,'N'),('MT105',2024,1,205.9,66.6,'N'),('MT105',2024,2,NULL,NULL,'N'),
('MT106',2023,12,8720.0,4105.0,'N'),('MT106',2024,1,7260.3,3410.9,'N'),('MT106',2024,6,6105.0,2880.0,'N'),('MT107',2024,1,15400.0,NULL,'N'),('MT108',2024,1,310.7,120.4,'N'),('MT108',2024,2,288.2,110.0,'Y'),
('MT109',2023,12,7410.0,4400.0,'N'),('MT109',2024,1,7702.0,4588.0,'N'),('MT110',2024,1,4105.5,2890.0,'N'),('MT110',2024,6,980.0,610.0,'N'),('MT111',2024,1,22150.0,NULL,'Y'),('MT112',2024,1,131.0,45.5,'N'),('MT112',2024,2,127.4,44.0,'N');
INSERT INTO em_trf VALUES ('HOME1','Home Basic',24.90,6.50,'N'),('HOME2','Home Green',27.40,7.00,'Y'),('BIZ1','Business Flex',21.30,18.00,'N'),('BIZ2','Business Green',23.10,19.50,'Y'),('PUB1','Public Sector',19.80,25.00,'Y'),('OLD9','Legacy Night',17.70,4.20,'N');
INSERT INTO em_ctr VALUES
(201,10,'BIZ1','2019-01-01',NULL),(202,11,'HOME2','2021-04-01',NULL),(203,12,'BIZ1','2015-07-01','2022-06-30'),(204,12,'BIZ2','2022-07-01',NULL),(205,13,'BIZ1','2018-03-01',NULL),(206,14,'HOME1','2020-08-01',NULL),
(207,15,'BIZ2','2020-01-01',NULL),(208,16,'HOME1','2021-11-01','2024-03-31'),(209,17,'PUB1','2017-01-01',NULL),(210,18,'PUB1','2023-02-01',NULL),(211,19,'HOME2','2023-09-01',NULL);
INSERT INTO em_bill VALUES
(9001,201,2023,12,442.72,'Y',0),(9002,201,2024,1,454.91,'Y',1),(9003,201,2024,2,417.95,'N',2),(9004,202,2023,12,72.76,'Y',0),(9005,202,2024,1,78.90,'Y',0),(9006,202,2024,2,62.10,'Y',0),(9007,204,2023,12,2433.45,'Y',0),(9008,204,2024,1,2762.74,'Y',0),
(9009,204,2024,2,2558.19,'N',1),(9010,205,2023,12,682.56,'Y',1),(9011,205,2024,1,730.49,'N',3),(9012,206,2023,12,53.51,'Y',0),(9013,206,2024,1,57.77,'Y',2),(9014,207,2023,12,2033.82,'Y',0),(9015,207,2024,1,1696.63,'Y',0),
(9016,208,2024,1,83.86,'N',4),(9017,209,2023,12,1492.18,'Y',0),(9018,209,2024,1,1550.00,'Y',0),(9019,210,2024,1,837.89,'Y',1),(9020,211,2024,1,42.89,'Y',NULL),(9021,203,2022,5,2105.40,'Y',0);
INSERT INTO em_outg VALUES
(1,'N1','2023-07-18 16:20','2023-07-18 19:05','storm'),(2,'E2','2023-11-03 02:10','2023-11-03 02:40','equipment failure'),(3,'S1','2023-12-24 11:00','2023-12-24 17:30','storm'),(4,'E3','2024-01-09 08:00','2024-01-09 12:00','planned work'),
(5,'E2','2024-02-02 14:15','2024-02-02 15:00','equipment failure'),(6,'N1','2024-05-30 21:45','2024-05-31 03:15','storm'),(7,'E2','2024-06-12 10:00',NULL,'planned work');
