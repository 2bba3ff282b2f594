CREATE TABLE customer (customer_id bigint, name text, city text, segment text, is_business boolean, created_on date);
CREATE TABLE depot (depot_code text, depot_name text, city text, region text, capacity integer, opened_year integer);
CREATE TABLE driver (driver_id bigint, full_name text, depot_code text, hired_on date, licence_class text, rating numeric(3,2));
CREATE TABLE vehicle (vehicle_id bigint, driver_id bigint, plate text, kind text, max_load_kg integer, is_electric boolean);
CREATE TABLE parcel (parcel_id bigint, customer_id bigint, driver_id bigint, service_level text, weight_kg numeric(6,2), declared_value numeric(10,2), shipping_fee numeric(8,2),
  origin_depot text, destination_depot text, is_fragile boolean, is_insured boolean, accepted_at timestamp, delivered_at timestamp, status text);
CREATE TABLE scan (scan_id bigint, parcel_id bigint, depot_code text, scanned_at timestamp, event text);
INSERT INTO customer VALUES
(1,'Brightwater Books','Lyon','retail',true,'2021-03-14'),
(2,'Odette Moreau','Paris','private',false,'2022-07-01'),
(3,'Tulip & Sons','Lille','wholesale',true,'2020-10-23'),
(4,'Marc Renaud','Lyon','private',false,'2023-02-17'),
(5,'Atelier Rouge','Marseille','retail',true,'2023-05-30'),
(6,'Sylvie Blanc','Nantes','private',false,'2023-11-08'),
(7,'Cap Nord Outillage','Lille','wholesale',true,'2019-01-02'),
(8,'Yann Le Goff',NULL,'private',false,CURRENT_DATE - 15),
(9,'Pixel Forge','Paris','retail',true,CURRENT_DATE - 75);
INSERT INTO depot VALUES
('PAR1','Paris Nord','Paris','Ile-de-France',1200,2005),
('LYO1','Lyon Est','Lyon','Auvergne',800,2010),
('MRS1','Marseille Port','Marseille','Provence',650,1999),
('LIL1','Lille Hub','Lille','Hauts-de-France',900,2014),
('NTE1','Nantes Ouest','Nantes','Pays de la Loire',300,2021),
('PAR2','Paris Sud','Paris','Ile-de-France',700,2018);
INSERT INTO driver VALUES
(11,'Karim Haddad','PAR1','2018-04-03','C',4.71),
(12,'Julie Petit','LYO1','2020-09-21','B',4.55),
(13,'Tom Garnier','LIL1','2021-01-11','C',3.98),
(14,'Nadia Roux','MRS1','2019-06-17','B',4.82),
(15,'Paul Faure','PAR2','2022-03-28','B',NULL),
(16,'Lea Simon','LYO1','2023-08-14','C',4.12),
(17,'Omar Diallo','PAR1','2024-01-08','B',4.40);
INSERT INTO vehicle VALUES
(101,11,'AB-123-CD','truck',7500,false),
(102,12,'BC-234-DE','van',1200,true),
(103,13,'CD-345-EF','truck',9000,false),
(104,14,'DE-456-FG','van',1400,false),
(105,15,'EF-567-GH','cargo bike',150,true),
(106,NULL,'FG-678-HI','van',1300,true),
(107,16,'GH-789-IJ','van',1250,false);
INSERT INTO parcel VALUES
(1001,1,12,'standard',2.40,80.00,9.90,'LYO1','PAR1',false,false,'2024-01-08 09:15','2024-01-10 14:02','delivered'),
(1002,1,12,'express',0.80,35.50,14.50,'LYO1','MRS1',false,true,'2024-01-15 11:40','2024-01-16 10:30','delivered'),
(1003,2,11,'standard',5.10,NULL,12.30,'PAR1','LYO1',true,true,'2024-01-20 16:05','2024-02-02 09:45','delivered'),
(1004,3,13,'economy',18.75,410.00,21.00,'LIL1','PAR2',false,true,'2024-02-02 08:00','2024-02-09 17:20','delivered'),
(1005,7,13,'economy',27.30,890.00,29.40,'LIL1','LYO1',false,false,'2024-02-14 07:45','2024-02-21 12:00','delivered'),
(1006,4,12,'express',1.20,120.00,15.80,'LYO1','PAR1',true,true,'2024-02-28 17:55','2024-02-29 16:10','delivered'),
(1007,5,14,'standard',3.60,60.00,10.40,'MRS1','NTE1',true,false,'2024-03-05 10:10',NULL,'lost'),
(1008,3,13,'standard',11.00,300.00,16.25,'LIL1','MRS1',false,true,'2024-03-11 13:00','2024-03-15 15:30','delivered'),
(1009,6,NULL,'economy',0.50,NULL,6.20,'NTE1','PAR1',false,false,'2024-04-01 12:12','2024-04-08 11:00','delivered'),
(1010,2,11,'express',2.00,210.00,17.10,'PAR1','LIL1',false,true,'2024-04-18 09:30','2024-04-19 08:50','delivered'),
(1011,7,13,'economy',33.90,1250.00,34.60,'LIL1','MRS1',false,true,'2024-05-06 08:20','2024-05-14 10:40','delivered'),
(1012,5,14,'standard',4.40,95.00,11.10,'MRS1','PAR2',false,false,'2024-05-21 15:00','2024-05-25 13:25','returned'),
(1013,1,16,'standard',6.70,150.00,12.90,'LYO1','LIL1',false,false,'2024-06-03 10:00','2024-06-06 09:05','delivered'),
(1014,9,15,'express',1.75,640.00,18.90,'PAR2','LYO1',true,true,CURRENT_DATE - 62 + time '09:00',CURRENT_DATE - 61 + time '11:15','delivered'),
(1015,9,15,'express',0.95,480.00,16.00,'PAR2','MRS1',true,true,CURRENT_DATE - 40 + time '10:20',CURRENT_DATE - 38 + time '18:00','delivered'),
(1016,3,13,'economy',22.10,520.00,24.80,'LIL1','NTE1',false,false,CURRENT_DATE - 27 + time '08:45',CURRENT_DATE - 20 + time '09:30','delivered'),
(1017,4,16,'standard',2.25,45.00,9.70,'LYO1','PAR2',false,false,CURRENT_DATE - 18 + time '14:00',CURRENT_DATE - 14 + time '12:00','delivered'),
(1018,8,17,'standard',1.10,NULL,8.80,'PAR1','NTE1',false,false,CURRENT_DATE - 11 + time '09:10',NULL,'in transit'),
(1019,7,13,'economy',30.00,975.00,31.50,'LIL1','PAR1',false,true,CURRENT_DATE - 5 + time '07:30',NULL,'in transit'),
(1020,2,17,'express',0.60,70.00,13.95,'PAR1','MRS1',true,false,CURRENT_DATE - 2 + time '16:45',NULL,'in transit');
INSERT INTO scan VALUES
(1,1001,'LYO1','2024-01-08 18:00','received'),(2,1001,'PAR1','2024-01-10 05:30','sorted'),
(3,1002,'LYO1','2024-01-15 19:10','received'),(4,1002,'MRS1','2024-01-16 04:50','sorted'),
(5,1003,'PAR1','2024-01-20 20:00','received'),(6,1003,'PAR2','2024-01-21 23:15','missorted'),(7,1003,'LYO1','2024-01-23 06:00','sorted'),
(8,1004,'LIL1','2024-02-02 12:00','received'),(9,1004,'PAR2','2024-02-08 22:00','sorted'),
(10,1005,'LIL1','2024-02-14 12:30','received'),(11,1005,'PAR1','2024-02-17 03:00','sorted'),(12,1005,'LYO1','2024-02-20 04:00','sorted'),
(13,1007,'MRS1','2024-03-05 19:00','received'),(14,1007,'LYO1','2024-03-06 02:20','damaged'),
(15,1008,'LIL1','2024-03-11 18:00','received'),(16,1008,'MRS1','2024-03-15 03:45','sorted'),
(17,1010,'PAR1','2024-04-18 18:40','received'),(18,1010,'LIL1','2024-04-19 03:10','sorted'),
(19,1011,'LIL1','2024-05-06 14:00','received'),(20,1011,'PAR1','2024-05-08 02:00','damaged'),(21,1011,'MRS1','2024-05-13 05:05','sorted'),
(22,1012,'MRS1','2024-05-21 20:00','received'),
(23,1016,'LIL1',CURRENT_DATE - 27 + time '15:00','received'),(24,1016,'NTE1',CURRENT_DATE - 21 + time '05:00','sorted'),
(25,1018,'PAR1',CURRENT_DATE - 11 + time '19:00','received'),(26,1018,'LIL1',CURRENT_DATE - 9 + time '01:30','missorted'),
(27,1019,'LIL1',CURRENT_DATE - 5 + time '13:00','received'),(28,1020,'PAR1',CURRENT_DATE - 2 + time '21:00','received');
