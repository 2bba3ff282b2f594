CREATE TABLE htlGuest (
  gstId varchar(10) PRIMARY KEY,
  gstName varchar(80) NOT NULL,
  gstEmail varchar(80),
  gstCountry varchar(40) NOT NULL,
  gstTier varchar(10),
  gstRegDt date NOT NULL
);
CREATE TABLE htlProp (
  propId varchar(10) PRIMARY KEY,
  propName varchar(60) NOT NULL,
  propCity varchar(40) NOT NULL,
  propCountry varchar(40) NOT NULL,
  propStars integer,
  propOpenDt date
);
CREATE TABLE htlRoom (
  rmId varchar(10) PRIMARY KEY,
  rmPropId varchar(10) NOT NULL,
  rmNo varchar(8) NOT NULL,
  rmType varchar(12) NOT NULL,
  rmRate numeric(8,2) NOT NULL,
  rmSmoking boolean NOT NULL
);
CREATE TABLE htlBkg (
  bkgId varchar(10) PRIMARY KEY,
  bkgGstId varchar(10) NOT NULL,
  bkgRmId varchar(10) NOT NULL,
  bkgCreatedTs timestamp NOT NULL,
  bkgCiDt date NOT NULL,
  bkgCoDt date NOT NULL,
  bkgSts varchar(12) NOT NULL,
  bkgChan varchar(10) NOT NULL,
  bkgPax integer NOT NULL,
  bkgTotAmt numeric(10,2) NOT NULL,
  bkgDiscAmt numeric(10,2)
);
CREATE TABLE htlPmt (
  pmtId varchar(10) PRIMARY KEY,
  pmtBkgId varchar(10) NOT NULL,
  pmtTs timestamp NOT NULL,
  pmtMeth varchar(12) NOT NULL,
  pmtAmt numeric(10,2) NOT NULL
);
CREATE TABLE htlRvw (
  rvwId varchar(10) PRIMARY KEY,
  rvwBkgId varchar(10) NOT NULL,
  rvwScore numeric(3,1),
  rvwText text,
  rvwDt date NOT NULL
);
INSERT INTO htlGuest VALUES
('G01','Amelia Hart','amelia.hart@postbox.net','Ireland','gold','2021-02-11'),
('G02','Bruno Keller','bkeller@firmen.de','Germany','silver','2021-06-30'),
('G03','Chiara Conti','chiara@conti.it','Italy','gold','2022-01-19'),
('G04','Dmitri Volkov',NULL,'Estonia',NULL,'2022-03-08'),
('G05','Elena Marin','elena.marin@postbox.net','Spain','basic','2022-09-14'),
('G06','Farid Nasser','farid@nasser.org','Egypt','silver','2022-11-02'),
('G07','Greta Holm','greta.holm@nordpost.se','Sweden','basic','2023-04-25'),
('G08','Hugo Keller','hugo.keller@firmen.de','Germany','gold','2023-05-17'),
('G09','Isla Byrne','isla@byrne.ie','Ireland',NULL,'2023-08-01'),
('G10','Jonas Weber',NULL,'Germany','basic','2024-02-29'),
('G11','Katya Orlova','katya.o@postbox.net','Estonia','silver',CURRENT_DATE - 50),
('G12','Lars Holm','lars@nordpost.se','Sweden','basic',CURRENT_DATE - 20);
INSERT INTO htlProp VALUES
('P1','Harbour View','Dublin','Ireland',4,'1998-05-01'),
('P2','Alpenblick','Munich','Germany',5,'2004-12-15'),
('P3','Casa del Sol','Valencia','Spain',3,'2011-03-20'),
('P4','Old Mill Inn','Galway','Ireland',3,'1987-07-04'),
('P5','Lagoon Palace','Venice','Italy',5,'2016-09-09'),
('P6','Station Rooms','Munich','Germany',NULL,'2023-01-10');
INSERT INTO htlRoom VALUES
('R01','P1','101','single',95.00,false),
('R02','P1','102','double',140.00,false),
('R03','P1','201','suite',310.00,false),
('R04','P2','11','double',185.00,false),
('R05','P2','12','suite',420.00,false),
('R06','P2','13','single',130.00,true),
('R07','P3','1A','double',88.00,true),
('R08','P3','1B','double',92.50,false),
('R09','P3','2A','single',61.00,false),
('R10','P4','1','single',72.00,false),
('R11','P4','2','double',104.00,true),
('R12','P5','301','suite',555.00,false),
('R13','P5','302','double',265.00,false),
('R14','P6','A','single',48.00,false);
INSERT INTO htlBkg VALUES
('B001','G01','R03','2022-10-05 10:12','2022-11-10','2022-11-13','completed','web',2,930.00,NULL),
('B002','G02','R04','2023-01-20 18:40','2023-03-01','2023-03-05','completed','phone',2,740.00,50.00),
('B003','G03','R12','2023-02-14 08:05','2023-04-20','2023-04-22','completed','web',2,1110.00,111.00),
('B004','G05','R07','2023-03-03 21:30','2023-05-02','2023-05-09','completed','agent',3,616.00,NULL),
('B005','G02','R13','2023-03-18 11:00','2023-06-12','2023-06-15','cancelled','web',2,795.00,NULL),
('B006','G08','R05','2023-06-01 07:45','2023-07-07','2023-07-10','completed','phone',2,1260.00,60.00),
('B007','G06','R02','2023-07-11 13:20','2023-08-15','2023-08-17','noshow','web',1,280.00,NULL),
('B008','G01','R11','2023-08-22 16:55','2023-09-01','2023-09-04','completed','web',2,312.00,NULL),
('B009','G07','R01','2023-09-30 09:09','2023-10-10','2023-10-15','completed','agent',1,475.00,25.00),
('B010','G03','R04','2023-11-02 12:00','2023-12-22','2023-12-27','completed','web',4,925.00,NULL),
('B011','G08','R12','2024-01-08 19:31','2024-02-13','2024-02-16','completed','web',2,1665.00,165.00),
('B012','G09','R10','2024-02-03 10:10','2024-03-15','2024-03-18','cancelled','phone',1,216.00,NULL),
('B013','G10','R14','2024-03-01 22:22','2024-04-01','2024-04-08','completed','web',1,336.00,NULL),
('B014','G05','R08','2024-05-19 14:14','2024-07-20','2024-07-30','completed','web',4,925.00,92.50),
('B015','G03','R03','2024-06-06 06:06','2024-08-08','2024-08-11','completed','agent',2,930.00,NULL),
('B016','G02','R06','2024-09-09 17:05','2024-10-01','2024-10-05','completed','phone',1,520.00,NULL),
('B017','G01','R05',CURRENT_TIMESTAMP - interval '95 days',CURRENT_DATE - 80,CURRENT_DATE - 77,'completed','web',2,1260.00,126.00),
('B018','G11','R02',CURRENT_TIMESTAMP - interval '48 days',CURRENT_DATE - 40,CURRENT_DATE - 38,'completed','web',2,280.00,NULL),
('B019','G08','R13',CURRENT_TIMESTAMP - interval '35 days',CURRENT_DATE - 25,CURRENT_DATE - 22,'completed','agent',2,795.00,NULL),
('B020','G05','R09',CURRENT_TIMESTAMP - interval '24 days',CURRENT_DATE - 12,CURRENT_DATE - 10,'noshow','web',1,122.00,NULL),
('B021','G12','R07',CURRENT_TIMESTAMP - interval '19 days',CURRENT_DATE - 6,CURRENT_DATE - 1,'completed','phone',2,440.00,40.00),
('B022','G03','R05',CURRENT_TIMESTAMP - interval '10 days',CURRENT_DATE - 2,CURRENT_DATE + 3,'confirmed','web',2,2100.00,NULL),
('B023','G01','R12',CURRENT_TIMESTAMP - interval '4 days',CURRENT_DATE + 9,CURRENT_DATE + 12,'confirmed','web',3,1665.00,100.00),
('B024','G07','R08',CURRENT_TIMESTAMP - interval '2 days',CURRENT_DATE + 20,CURRENT_DATE + 21,'confirmed','agent',2,92.50,NULL);
INSERT INTO htlPmt VALUES
('Y01','B001','2022-10-05 10:15','card',930.00),
('Y02','B002','2023-03-05 09:00','transfer',690.00),
('Y03','B003','2023-02-14 08:10','card',500.00),
('Y04','B003','2023-04-22 10:00','cash',499.00),
('Y05','B004','2023-05-09 08:30','cash',616.00),
('Y06','B006','2023-07-10 11:11','card',1200.00),
('Y07','B008','2023-09-04 10:45','card',250.00),
('Y08','B009','2023-10-15 07:50','wallet',450.00),
('Y09','B010','2023-11-02 12:03','card',925.00),
('Y10','B011','2024-02-16 09:30','transfer',1500.00),
('Y11','B013','2024-04-08 08:00','cash',336.00),
('Y12','B014','2024-05-19 14:20','card',400.00),
('Y13','B014','2024-07-30 09:15','card',432.50),
('Y14','B015','2024-08-11 10:10','wallet',930.00),
('Y15','B016','2024-10-05 06:40','transfer',400.00),
('Y16','B017',CURRENT_TIMESTAMP - interval '77 days','card',1134.00),
('Y17','B018',CURRENT_TIMESTAMP - interval '38 days','wallet',280.00),
('Y18','B019',CURRENT_TIMESTAMP - interval '22 days','card',795.00),
('Y19','B021',CURRENT_TIMESTAMP - interval '1 day','cash',400.00),
('Y20','B022',CURRENT_TIMESTAMP - interval '10 days','card',1000.00);
INSERT INTO htlRvw VALUES
('V1','B001',8.5,'Lovely view of the harbour','2022-11-15'),
('V2','B002',9.0,'Quiet and clean','2023-03-07'),
('V3','B003',9.5,'A dream','2023-04-25'),
('V4','B004',5.0,'Noisy street at night','2023-05-10'),
('V5','B006',8.0,NULL,'2023-07-15'),
('V6','B008',6.5,'Small room, noisy pipes','2023-09-06'),
('V7','B010',7.5,'Good breakfast','2024-01-02'),
('V8','B013',4.0,'Too basic','2024-04-09'),
('V9','B014',7.0,NULL,'2024-08-01'),
('V10','B015',NULL,'Will come back','2024-08-12'),
('V11','B019',9.0,'Great service, great breakfast',CURRENT_DATE - 20);
