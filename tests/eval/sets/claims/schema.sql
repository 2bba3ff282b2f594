CREATE TABLE brokers (
  broker_id integer PRIMARY KEY, name text NOT NULL, city text, commission_pct numeric(4,1)
);
CREATE TABLE policyholders (
  holder_id integer PRIMARY KEY, name text NOT NULL, birth_date date, city text, smoker char(1), email text
);
CREATE TABLE policies (
  policy_no text PRIMARY KEY, holder_id integer REFERENCES policyholders, broker_id integer REFERENCES brokers,
  product text, premium numeric(10,2), start_date date, end_date date, status text
);
CREATE TABLE adjusters (
  adjuster_id integer PRIMARY KEY, name text NOT NULL, hired date, senior char(1)
);
CREATE TABLE claims (
  claim_id integer PRIMARY KEY, policy_no text REFERENCES policies, adjuster_id integer REFERENCES adjusters,
  loss_date date, reported_date date, cause text, amount_claimed numeric(12,2), status text, fraud_flag char(1)
);
CREATE TABLE payouts (
  payout_id integer PRIMARY KEY, claim_id integer REFERENCES claims, paid_on date, amount numeric(12,2), method text
);
INSERT INTO brokers VALUES
 (1,'Harbour & Sons','Bristol',12.5),(2,'Northgate Cover','Leeds',10.0),(3,'Pelican Risk','Bristol',15.0),(4,'Quayside Direct','Cardiff',8.0);
INSERT INTO policyholders VALUES
 (101,'Anja Brandt','1975-03-02','Bristol','N','anja@postbox.example'),
 (102,'Bela Kovacs','1988-11-19','Leeds','Y','bela.k@webmail.example'),
 (103,'Chidi Obi','1990-06-30','Cardiff','N',NULL),
 (104,'Dora Winter','1962-01-15','Bristol','Y','dora@postbox.example'),
 (105,'Eamon Daly','1999-09-09','Leeds','N','eamon@webmail.example'),
 (106,'Farah Aziz','1984-04-21','York','N','farah@postbox.example'),
 (107,'Gwen Pritchard','1971-12-01','Cardiff','Y',NULL),
 (108,'Hugo Lindqvist','1993-07-07','York','N','hugo@webmail.example');
INSERT INTO policies VALUES
 ('HM-1001',101,1,'home',420.00,'2022-01-01',NULL,'active'),
 ('MT-1002',101,1,'motor',610.00,'2022-05-10','2023-05-09','lapsed'),
 ('MT-1003',102,2,'motor',890.50,'2023-02-01',NULL,'active'),
 ('TR-1004',103,4,'travel',75.00,'2023-06-01','2023-06-30','lapsed'),
 ('HM-1005',104,3,'home',515.25,'2021-09-15',NULL,'active'),
 ('PT-1006',104,3,'pet',230.00,'2023-03-20',NULL,'active'),
 ('MT-1007',105,2,'motor',1240.00,'2023-08-01',NULL,'cancelled'),
 ('HM-1008',106,2,'home',380.00,'2022-11-11',NULL,'active'),
 ('TR-1009',106,2,'travel',92.00,'2024-01-05','2024-01-25','lapsed'),
 ('PT-1010',107,4,'pet',198.00,'2023-10-02',NULL,'active'),
 ('MT-1011',107,1,'motor',705.00,'2024-02-14',NULL,'active'),
 ('HM-1012',103,NULL,'home',449.00,'2024-03-01',NULL,'active');
INSERT INTO adjusters VALUES
 (11,'Petra Novak','2015-04-01','Y'),(12,'Sam Oduya','2019-09-16','N'),(13,'Lucia Ferri','2012-01-09','Y'),(14,'Tom Hale','2022-06-20','N');
INSERT INTO claims VALUES
 (9001,'HM-1001',11,'2023-01-12','2023-01-15','water leak',4200.00,'paid','N'),
 (9002,'MT-1003',12,'2023-03-03','2023-03-04','collision',2750.00,'paid','N'),
 (9003,'MT-1003',12,'2023-07-22','2023-08-20','theft',9100.00,'rejected','Y'),
 (9004,'HM-1005',13,'2023-02-18','2023-02-18','storm',6600.00,'paid','N'),
 (9005,'PT-1006',13,'2023-09-01','2023-09-05','surgery',1350.00,'paid','N'),
 (9006,'MT-1007',11,'2023-10-10','2023-10-12','collision',3300.00,'rejected','Y'),
 (9007,'HM-1008',12,'2023-12-24','2024-01-02','storm',8050.00,'paid','N'),
 (9008,'TR-1009',NULL,'2024-01-14','2024-02-01','lost luggage',640.00,'open','N'),
 (9009,'PT-1010',11,'2024-01-30','2024-02-03','surgery',2100.00,'paid','N'),
 (9010,'MT-1011',13,CURRENT_DATE - 40,CURRENT_DATE - 38,'collision',1800.00,'open','N'),
 (9011,'HM-1001',13,CURRENT_DATE - 25,CURRENT_DATE - 20,'storm',2900.00,'open','N'),
 (9012,'HM-1008',11,CURRENT_DATE - 9,CURRENT_DATE - 6,'water leak',5150.00,'open','Y'),
 (9013,'MT-1002',12,'2022-12-05','2022-12-06','theft',7700.00,'paid','N');
INSERT INTO payouts VALUES
 (1,9001,'2023-02-10',3900.00,'transfer'),(2,9002,'2023-03-30',2500.00,'cheque'),(3,9004,'2023-03-15',3000.00,'transfer'),
 (4,9004,'2023-04-20',3100.00,'transfer'),(5,9005,'2023-09-28',1200.00,'transfer'),(6,9007,'2024-02-11',7600.00,'transfer'),
 (7,9009,'2024-02-25',1000.00,'cheque'),(8,9009,'2024-03-25',950.00,'cheque'),(9,9013,'2023-01-18',7000.00,'transfer');
