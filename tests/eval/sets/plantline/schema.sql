CREATE TABLE pl_site (st_id integer PRIMARY KEY, st_nm varchar(30), st_ctry varchar(20), st_since date);
CREATE TABLE pl_line (ln_id integer PRIMARY KEY, ln_st_id integer, ln_nm varchar(30), ln_cap_hr integer, ln_auto char(1), ln_stat varchar(10));
CREATE TABLE pl_item (it_cd varchar(10) PRIMARY KEY, it_nm varchar(40), it_fam varchar(20), it_std_cost numeric(8,2), it_wt_kg numeric(6,3));
CREATE TABLE pl_oper (op_no integer PRIMARY KEY, op_nm varchar(40), op_ln_id integer, op_shift char(1), op_hired date, op_wage numeric(6,2));
CREATE TABLE pl_run (rn_id integer PRIMARY KEY, rn_ln_id integer, rn_it_cd varchar(10), rn_op_no integer, rn_start timestamp, rn_stop timestamp, rn_qty_ok integer, rn_qty_bad integer);
CREATE TABLE pl_stop (sp_id integer PRIMARY KEY, sp_ln_id integer, sp_dt date, sp_min integer, sp_rsn varchar(20), sp_plnd char(1));
CREATE TABLE pl_defect (df_id integer PRIMARY KEY, df_rn_id integer, df_typ varchar(20), df_sev smallint, df_qty integer, df_fixed char(1));
INSERT INTO pl_site VALUES (1,'Gdynia','Poland','2004-06-01'),(2,'Tampere','Finland','2011-02-14'),(3,'Porto','Portugal','2019-09-30');
INSERT INTO pl_line VALUES (11,1,'Press North',120,'Y','running'),(12,1,'Press South',90,'N','running'),(21,2,'Mould A',200,'Y','running'),(22,2,'Mould B',180,'Y','down'),(31,3,'Assembly 1',60,'N','running'),(32,3,'Assembly 2',75,'N','idle');
INSERT INTO pl_item VALUES ('BRK-10','Bracket small','metal',1.20,0.150),('BRK-20','Bracket large','metal',2.75,0.480),('HSG-01','Pump housing','plastic',4.10,0.620),('HSG-02','Valve housing','plastic',3.35,0.390),('CAP-05','Sealing cap','plastic',0.35,0.020),('PMP-77','Circulation pump','finished',38.90,2.850),('VLV-12','Mixing valve','finished',21.40,1.150);
INSERT INTO pl_oper VALUES (501,'Marek Zielony',11,'A','2008-03-10',14.20),(502,'Iwona Kruk',12,'B','2016-07-01',13.10),(503,'Aino Salmi',21,'A','2012-01-16',19.80),(504,'Veikko Laine',22,'C','2020-10-05',17.25),(505,'Rita Matos',31,'A','2019-10-01',11.90),(506,'Diogo Faria',32,'B','2022-05-23',10.75),(507,'Kasia Wrona',11,'C','2023-02-06',12.60);
INSERT INTO pl_run VALUES
 (9001,11,'BRK-10',501,'2024-01-08 06:00','2024-01-08 14:00',900,18),(9002,11,'BRK-20',507,'2024-01-08 22:00','2024-01-09 05:30',610,35),(9003,12,'BRK-20',502,'2024-01-09 14:00','2024-01-09 21:00',480,6),
 (9004,21,'HSG-01',503,'2024-01-10 06:00','2024-01-10 13:30',1400,22),(9005,22,'HSG-02',504,'2024-01-10 22:00','2024-01-11 04:00',830,91),(9006,31,'PMP-77',505,'2024-01-15 06:30','2024-01-15 14:30',310,4),
 (9007,32,'VLV-12',506,'2024-02-01 14:00','2024-02-01 22:00',420,15),(9008,11,'BRK-10',501,'2024-02-06 06:00','2024-02-06 14:00',940,9),(9009,21,'CAP-05',503,'2024-02-12 06:00','2024-02-12 09:00',2600,0),
 (9010,31,'VLV-12',505,'2024-02-20 06:30','2024-02-20 13:00',300,2),(9011,21,'HSG-02',503,'2024-03-04 06:00','2024-03-04 14:00',1350,40),(9012,12,'BRK-10',502,'2024-03-11 14:00','2024-03-11 20:00',505,12),
 (9013,31,'PMP-77',505,CURRENT_DATE - 22 + time '06:30',CURRENT_DATE - 22 + time '14:00',288,7),(9014,11,'BRK-20',507,CURRENT_DATE - 9 + time '12:00',CURRENT_DATE - 9 + time '20:00',655,21),(9015,21,'HSG-01',503,CURRENT_DATE - 2 + time '06:00',CURRENT_DATE - 2 + time '12:30',1190,30);
INSERT INTO pl_stop VALUES
 (1,11,'2024-01-09',45,'tool change','Y'),(2,22,'2024-01-10',180,'heater fault','N'),(3,22,'2024-01-11',240,'heater fault','N'),(4,31,'2024-01-15',20,'no parts','N'),(5,12,'2024-01-22',60,'cleaning','Y'),(6,32,'2024-02-01',95,'no parts','N'),
 (7,21,'2024-02-12',30,'tool change','Y'),(8,11,'2024-02-27',150,'motor fault','N'),(9,31,'2024-03-05',35,'cleaning','Y'),(10,22,CURRENT_DATE - 15,410,'heater fault','N'),(11,11,CURRENT_DATE - 9,25,'tool change','Y'),(12,31,CURRENT_DATE - 1,50,'no parts','N');
INSERT INTO pl_defect VALUES
 (1,9001,'scratch',1,12,'Y'),(2,9001,'bent',3,6,'N'),(3,9002,'bent',3,30,'N'),(4,9002,'burr',2,5,'Y'),(5,9003,'burr',2,6,'Y'),(6,9004,'short shot',3,22,'N'),(7,9005,'short shot',3,60,'N'),(8,9005,'warped',2,31,'N'),
 (9,9006,'leak',3,4,'Y'),(10,9007,'leak',3,10,'N'),(11,9007,'scratch',1,5,'Y'),(12,9008,'scratch',1,9,'Y'),(13,9011,'warped',2,40,'Y'),(14,9014,'bent',3,21,'N'),(15,9013,'noise',2,7,'Y');
