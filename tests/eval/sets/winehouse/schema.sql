-- wholesale of wine to restaurants and shops; camel case folded by the server
CREATE TABLE tblCustomer (CustID integer PRIMARY KEY, CustName varchar(60), CustType char(1), Town varchar(40), Region varchar(20), OnHold smallint, CreditLimit numeric(10,2), OpenedOn date);
CREATE TABLE tblGrape (GrapeCode char(3) PRIMARY KEY, GrapeName varchar(40), Colour varchar(10));
CREATE TABLE tblWinery (WineryID integer PRIMARY KEY, WineryName varchar(60), Country varchar(30), Organic smallint);
CREATE TABLE tblWine (WineID integer PRIMARY KEY, Label varchar(80), Vintage smallint, WineryID integer, GrapeCode char(3), BottleSizeCl smallint, ListPrice numeric(8,2), StockQty integer, Discontinued smallint);
CREATE TABLE tblSalesRep (RepID integer PRIMARY KEY, RepName varchar(40), Territory varchar(20), Commission numeric(4,2));
CREATE TABLE tblOrderHead (OrderNo integer PRIMARY KEY, CustID integer, RepID integer, OrderDate date, ShipDate date, OrderStatus char(1));
CREATE TABLE tblOrderLine (OrderNo integer, LineNo smallint, WineID integer, Qty integer, UnitPrice numeric(8,2), DiscountPct numeric(4,1), PRIMARY KEY (OrderNo, LineNo));
INSERT INTO tblCustomer VALUES
 (1,'Bistro Lumen','R','Lyon','South',0,5000,'2019-03-01'),(2,'La Cave du Port','S','Nantes','West',0,12000,'2017-06-15'),(3,'Hotel Belvedere','H','Nice','South',0,20000,'2020-01-20'),
 (4,'Chez Odile','R','Rennes','West',1,3000,'2021-09-09'),(5,'Vinotheque Nord','S','Lille','North',0,15000,'2018-11-30'),(6,'Brasserie du Quai','R','Nantes','West',0,8000,'2022-05-05'),
 (7,'Le Petit Comptoir','R','Lille','North',1,2500,'2023-02-12'),(8,'Grand Hotel Alma','H','Paris','North',0,30000,CURRENT_DATE - 80);
INSERT INTO tblGrape VALUES ('CHA','Chardonnay','white'),('PIN','Pinot Noir','red'),('SYR','Syrah','red'),('GAM','Gamay','red'),('RIE','Riesling','white'),('GRE','Grenache','rose');
INSERT INTO tblWinery VALUES (10,'Domaine Aubert','France',1),(11,'Weingut Kessler','Germany',0),(12,'Tenuta Sorella','Italy',1),(13,'Bodega Rivas','Spain',0);
INSERT INTO tblWine VALUES
 (100,'Aubert Blanc de Colline',2020,10,'CHA',75,11.50,480,0),(101,'Aubert Vieilles Vignes',2018,10,'PIN',75,24.00,120,0),(102,'Aubert Primeur',2022,10,'GAM',75,7.90,0,1),
 (103,'Kessler Trocken',2021,11,'RIE',75,9.80,350,0),(104,'Kessler Auslese',2017,11,'RIE',50,19.50,60,0),(105,'Sorella Rosso',2019,12,'SYR',75,13.20,210,0),
 (106,'Sorella Rosato',2022,12,'GRE',75,8.70,0,0),(107,'Rivas Magnum',2016,13,'SYR',150,42.00,24,0),(108,'Rivas Clarete',2021,13,'GRE',75,6.40,15,1),(109,'Sorella Chardonnay',2022,12,'CHA',75,12.30,95,0),
 (110,'Sorella Passito',2015,12,'RIE',37,28.50,40,0),(111,'Rivas Joven',2023,13,'GAM',75,5.90,300,0);
INSERT INTO tblSalesRep VALUES (1,'Margaux Petit','South',3.50),(2,'Denis Roche','West',3.00),(3,'Aline Faure','North',4.00),(4,'Theo Blanc','North',2.50);
INSERT INTO tblOrderHead VALUES
 (5001,1,1,'2023-01-12','2023-01-15','S'),(5002,2,2,'2023-01-25','2023-02-03','S'),(5003,3,1,'2023-03-08','2023-03-10','S'),(5004,5,3,'2023-03-30','2023-04-04','S'),(5005,6,2,'2023-06-14','2023-06-16','S'),
 (5006,2,2,'2023-06-20',NULL,'C'),(5007,3,1,'2023-09-01','2023-09-13','S'),(5008,5,3,'2023-11-22','2023-11-24','S'),(5009,1,1,'2023-12-11','2023-12-12','S'),(5010,4,2,'2024-01-09',NULL,'C'),
 (5011,7,3,'2024-02-05','2024-02-19','S'),(5012,2,2,CURRENT_DATE - 33,CURRENT_DATE - 30,'S'),(5013,3,1,CURRENT_DATE - 14,CURRENT_DATE - 9,'S'),(5014,5,3,CURRENT_DATE - 4,NULL,'O'),(5015,6,2,CURRENT_DATE - 1,NULL,'O'),(5016,3,1,'2023-10-05','2023-10-06','S'),(5017,3,1,'2023-12-01','2023-12-08','S'),(5018,1,1,'2023-05-19','2023-05-22','S');
INSERT INTO tblOrderLine VALUES
 (5001,1,100,24,11.50,0),(5001,2,105,12,13.20,5),(5002,1,103,60,9.80,10),(5002,2,102,48,7.90,10),(5003,1,101,36,24.00,5),(5003,2,107,6,42.00,0),(5004,1,100,90,11.50,12),(5004,2,104,12,19.50,0),
 (5005,1,106,30,8.70,0),(5006,1,103,24,9.80,0),(5007,1,101,24,24.00,5),(5007,2,109,18,12.30,0),(5007,3,107,4,42.00,0),(5008,1,105,60,12.80,8),(5009,1,100,18,11.50,0),(5010,1,108,12,6.40,0),
 (5011,1,102,6,7.90,0),(5012,1,103,72,9.80,12),(5013,1,107,8,42.00,2.5),(5013,2,100,30,11.50,0),(5014,1,105,48,13.20,8),(5015,1,106,12,8.70,0),(5016,1,104,6,19.50,0),(5017,1,107,2,42.00,0),(5018,1,105,24,13.20,5);
