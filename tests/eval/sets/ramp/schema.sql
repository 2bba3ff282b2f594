CREATE TABLE airline (iata text, name text, country text, alliance text, low_cost integer);
CREATE TABLE gate (gate_cd text, terminal text, has_bridge integer, max_wingspan_m numeric(5,1));
CREATE TABLE flt (flt_id integer, airline_iata text, flt_no text, dest text, gate_cd text, sched_dep timestamp, act_dep timestamp, pax integer, bags integer, status text);
CREATE TABLE crew_member (emp_no integer, name text, role text, shift text, hire_dt date, hourly_rate numeric(6,2));
CREATE TABLE svc_type (svc_cd text, descr text, std_minutes integer, charge numeric(8,2));
CREATE TABLE svc_order (ord_id integer, flt_id integer, svc_cd text, lead_emp integer, start_ts timestamp, end_ts timestamp, status text);
CREATE TABLE equip (equip_tag text, kind text, purchased date, electric integer, status text);
CREATE TABLE equip_use (ord_id integer, equip_tag text, minutes integer);
INSERT INTO airline VALUES ('ZA','Zephyr Air','Norway','BlueRing',0),('KJ','Kestrel Jet','Ireland',NULL,1),('MV','Mareva','Spain','BlueRing',0),('TQ','Tarn Express','Finland',NULL,1),('OB','Orbita','Poland','NorthStar',0);
INSERT INTO gate VALUES ('A1','A',1,36.0),('A2','A',1,36.0),('A3','A',0,29.5),('B1','B',1,65.0),('B2','B',0,52.0),('C1','C',0,24.0);
INSERT INTO flt VALUES
 (1,'ZA','ZA101','Oslo','A1','2024-03-04 06:30','2024-03-04 06:35',142,120,'departed'),
 (2,'KJ','KJ22','Dublin','A3','2024-03-04 07:15','2024-03-04 08:05',180,95,'departed'),
 (3,'MV','MV300','Madrid','B1','2024-03-04 09:00','2024-03-04 09:00',210,240,'departed'),
 (4,'TQ','TQ7','Helsinki','A2','2024-03-05 06:45','2024-03-05 07:10',98,60,'departed'),
 (5,'KJ','KJ24','Dublin','A3','2024-03-05 12:20','2024-03-05 12:25',175,102,'departed'),
 (6,'ZA','ZA103','Bergen','A1','2024-03-06 18:10',NULL,88,0,'cancelled'),
 (7,'MV','MV302','Palma','B2','2024-03-09 10:40','2024-03-09 11:55',195,260,'departed'),
 (8,'KJ','KJ30','Cork','A2','2024-03-10 15:00','2024-03-10 15:12',160,77,'departed'),
 (9,'OB','OB9','Krakow','B1','2024-03-11 20:15','2024-03-11 20:15',120,110,'departed'),
 (10,'ZA','ZA105','Oslo','A2',CURRENT_DATE - 3 + time '08:00',CURRENT_DATE - 3 + time '08:20',133,118,'departed'),
 (11,'MV','MV304','Madrid','B1',CURRENT_DATE - 1 + time '09:30',CURRENT_DATE - 1 + time '10:45',220,251,'departed'),
 (12,'KJ','KJ32','Dublin','A3',CURRENT_DATE + 1 + time '07:15',NULL,171,90,'scheduled'),
 (13,'MV','MV306','Palma','B2',CURRENT_DATE + 2 + time '10:40',NULL,199,230,'scheduled');
INSERT INTO crew_member VALUES
 (701,'Ragna Holm','loader','early','2018-05-01',18.50),(702,'Stefan Ilic','fueller','early','2020-02-17',21.00),(703,'Tilda Berg','loader','late','2021-08-30',17.75),
 (704,'Umar Khan','de-icer','late','2016-11-11',23.40),(705,'Vera Lund','dispatcher','early','2012-03-05',28.00),(706,'Walt Iversen','loader','night','2023-01-09',19.25),(707,'Yann Petit','dispatcher','late','2019-06-24',26.50);
INSERT INTO svc_type VALUES ('BAG','baggage loading',35,240.00),('FUE','refuelling',25,180.00),('DEI','de-icing',20,650.00),('CLN','cabin cleaning',30,150.00),('PSH','pushback',10,95.00),('CAT','catering',20,310.00);
INSERT INTO svc_order VALUES
 (3001,1,'BAG',701,'2024-03-04 05:40','2024-03-04 06:12','done'),(3002,1,'DEI',704,'2024-03-04 06:05','2024-03-04 06:30','done'),(3003,1,'PSH',705,'2024-03-04 06:30','2024-03-04 06:36','done'),
 (3004,2,'BAG',701,'2024-03-04 06:30','2024-03-04 07:40','done'),(3005,2,'FUE',702,'2024-03-04 06:40','2024-03-04 07:02','done'),(3006,3,'BAG',703,'2024-03-04 08:00','2024-03-04 08:45','done'),
 (3007,3,'CLN',703,'2024-03-04 07:50','2024-03-04 08:20','done'),(3008,4,'DEI',704,'2024-03-05 06:20','2024-03-05 06:50','done'),(3009,4,'BAG',701,'2024-03-05 06:00','2024-03-05 06:30','done'),
 (3010,5,'FUE',702,'2024-03-05 11:50','2024-03-05 12:10','done'),(3011,6,'BAG',703,NULL,NULL,'cancelled'),(3012,7,'BAG',703,'2024-03-09 09:40','2024-03-09 10:55','done'),
 (3013,7,'PSH',705,'2024-03-09 11:40','2024-03-09 11:54','done'),(3014,8,'CLN',703,'2024-03-10 14:00','2024-03-10 14:40','done'),(3015,9,'FUE',702,'2024-03-11 19:30','2024-03-11 19:55','done'),
 (3016,10,'BAG',701,CURRENT_DATE - 3 + time '07:00',CURRENT_DATE - 3 + time '07:35','done'),(3017,11,'BAG',701,CURRENT_DATE - 1 + time '08:30',CURRENT_DATE - 1 + time '09:40','done'),
 (3018,12,'BAG',701,NULL,NULL,'planned'),(3019,13,'FUE',702,NULL,NULL,'planned');
INSERT INTO equip VALUES ('BL-01','belt loader','2015-02-01',0,'in service'),('BL-02','belt loader','2021-07-12',1,'in service'),('TUG-1','tug','2010-09-30',0,'in repair'),('TUG-2','tug','2022-04-04',1,'in service'),
 ('DI-1','de-icer truck','2017-10-20',0,'in service'),('FT-1','fuel truck','2014-01-15',0,'in service'),('GPU-1','power unit','2019-03-03',1,'retired');
INSERT INTO equip_use VALUES (3001,'BL-01',32),(3002,'DI-1',25),(3003,'TUG-2',6),(3004,'BL-01',70),(3005,'FT-1',22),(3006,'BL-02',45),(3008,'DI-1',30),(3009,'BL-02',30),(3010,'FT-1',20),(3012,'BL-02',75),(3013,'TUG-2',14),(3015,'FT-1',25),(3016,'BL-01',35),(3017,'BL-01',40),(3017,'BL-02',30);
