CREATE SCHEMA crm;
CREATE SCHEMA billing;
CREATE TABLE crm.account (account_id serial PRIMARY KEY, company_name text NOT NULL, industry text, country text, employees integer, created_at timestamp NOT NULL, owner_id integer);
CREATE TABLE crm.contact (contact_id serial PRIMARY KEY, account_id integer NOT NULL REFERENCES crm.account(account_id), full_name text NOT NULL, email text, job_title text, opted_in boolean NOT NULL DEFAULT false);
CREATE TABLE crm.sales_rep (rep_id integer PRIMARY KEY, full_name text NOT NULL, region text NOT NULL, hired_on date NOT NULL, quota numeric(12,2));
ALTER TABLE crm.account ADD FOREIGN KEY (owner_id) REFERENCES crm.sales_rep(rep_id) DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE crm.ticket (ticket_id serial PRIMARY KEY, account_id integer NOT NULL REFERENCES crm.account(account_id), subject text NOT NULL, priority text NOT NULL, opened_at timestamp NOT NULL, closed_at timestamp);
CREATE TABLE billing.plan (plan_code text PRIMARY KEY, plan_name text NOT NULL, monthly_price numeric(8,2) NOT NULL, max_seats integer);
CREATE TABLE billing.subscription (subscription_id serial PRIMARY KEY, account_id integer NOT NULL REFERENCES crm.account(account_id), plan_code text NOT NULL REFERENCES billing.plan(plan_code), seats integer NOT NULL, started_on date NOT NULL, ended_on date, auto_renew boolean NOT NULL, cancel_reason text);
CREATE TABLE billing.invoice (invoice_id serial PRIMARY KEY, subscription_id integer NOT NULL REFERENCES billing.subscription(subscription_id), issued_on date NOT NULL, due_on date NOT NULL, amount numeric(10,2) NOT NULL, status text NOT NULL);
CREATE TABLE billing.payment (payment_id serial PRIMARY KEY, invoice_id integer NOT NULL REFERENCES billing.invoice(invoice_id), paid_on date NOT NULL, amount numeric(10,2) NOT NULL, method text NOT NULL);
INSERT INTO crm.sales_rep VALUES (1,'Ingrid Dahl','EMEA','2019-05-06',400000),(2,'Marcus Lee','APAC','2020-02-17',350000),(3,'Paula Ortiz','AMER','2021-09-01',500000),(4,'Sven Berg','EMEA','2024-03-11',NULL);
INSERT INTO crm.account (company_name,industry,country,employees,created_at,owner_id) VALUES
('Northwind Labs','biotech','Denmark',140,'2021-01-12 09:00',1),('Kitebridge','fintech','United Kingdom',520,'2021-06-03 14:20',1),('Okapi Media','media','Kenya',45,'2021-11-22 08:15',2),
('Sakura Robotics','manufacturing','Japan',2300,'2022-02-14 03:30',2),('Blue Mesa Health','healthcare','United States',880,'2022-05-09 17:45',3),('Ferro Logistica','logistics','Mexico',310,'2022-08-30 20:10',3),
('Quill & Co',NULL,'United Kingdom',12,'2023-01-17 10:05',1),('Terra Verde','agriculture','Brazil',95,'2023-04-25 12:00',3),('Lumen Studio','media','Denmark',28,'2023-10-02 11:30',NULL),
('Pacific Bank','fintech','Japan',4100,'2024-01-29 05:50',2),('Arrow Clinic','healthcare','United States',67,CURRENT_DATE - 70 + time '15:00',3),('Hexa Games','media','Poland',150,CURRENT_DATE - 9 + time '09:40',1);
INSERT INTO crm.contact (account_id,full_name,email,job_title,opted_in) VALUES
(1,'Mette Holm','mette@northwindlabs.dk','CTO',true),(1,'Anders Juhl','anders@northwindlabs.dk','Engineer',false),(2,'Grace Turner','grace.turner@kitebridge.co.uk','CFO',true),(2,'Owen Pugh',NULL,'Analyst',false),
(3,'Wanjiru Otieno','wanjiru@okapi.ke','CEO',true),(4,'Kenji Mori','k.mori@sakura.jp','CTO',false),(5,'Dana Fox','dfox@bluemesa.com','VP Engineering',true),(5,'Raj Patel','rpatel@bluemesa.com','Engineer',true),
(6,'Lucia Vega','lucia@ferro.mx','COO',false),(7,'Harriet Quill','harriet@quill.co.uk','CEO',true),(8,'Joao Lima',NULL,'Owner',false),(10,'Aiko Tanaka','aiko@pacificbank.jp','CFO',true),(11,'Bill Arrow','bill@arrowclinic.com','Owner',true);
INSERT INTO crm.ticket (account_id,subject,priority,opened_at,closed_at) VALUES
(1,'Login fails after update','high','2024-01-10 09:00','2024-01-10 15:30'),(2,'Export to CSV is slow','low','2024-01-22 10:15','2024-02-02 10:15'),(2,'Invoice shows wrong VAT','medium','2024-02-13 11:00','2024-02-15 09:00'),
(4,'SSO setup','medium','2024-03-04 02:20','2024-03-11 06:20'),(4,'Data loss in report','urgent','2024-03-19 04:00','2024-03-19 07:45'),(5,'Cannot login on mobile','high','2024-04-08 16:30','2024-04-10 16:30'),
(5,'Feature request: dark mode','low','2024-05-20 18:00',NULL),(6,'Webhook timeouts','high','2024-06-11 13:30','2024-06-14 13:30'),(8,'Billing address change','low','2024-07-01 09:45','2024-07-01 10:15'),
(10,'Audit log missing rows','urgent',CURRENT_DATE - 33 + time '03:00',CURRENT_DATE - 31 + time '08:00'),(10,'Login page in Japanese','low',CURRENT_DATE - 21 + time '06:00',NULL),(2,'API rate limit too strict','medium',CURRENT_DATE - 12 + time '12:00',NULL),(11,'Import patients from CSV','high',CURRENT_DATE - 3 + time '14:00',NULL);
INSERT INTO billing.plan VALUES ('STD','Starter',29.00,5),('TEAM','Team',119.00,25),('BIZ','Business',399.00,200),('ENT','Enterprise',1490.00,NULL),('EDU','Education',0.00,50);
INSERT INTO billing.subscription (account_id,plan_code,seats,started_on,ended_on,auto_renew,cancel_reason) VALUES
(1,'TEAM',18,'2021-02-01',NULL,true,NULL),(2,'BIZ',90,'2021-07-01',NULL,true,NULL),(3,'STD',4,'2021-12-01','2023-05-31',false,'price'),(4,'ENT',640,'2022-04-01',NULL,true,NULL),
(5,'BIZ',150,'2022-06-01',NULL,false,NULL),(6,'TEAM',22,'2022-09-15','2024-09-14',false,'missing features'),(7,'STD',2,'2023-02-01',NULL,true,NULL),(8,'STD',5,'2023-05-10','2023-11-10',false,'price'),
(8,'TEAM',9,'2023-11-11',NULL,true,NULL),(10,'ENT',1200,'2024-03-01',NULL,true,NULL),(11,'TEAM',12,CURRENT_DATE - 65,NULL,true,NULL),(3,'STD',3,CURRENT_DATE - 30,CURRENT_DATE - 5,false,'no longer needed');
INSERT INTO billing.invoice (subscription_id,issued_on,due_on,amount,status) VALUES
(1,'2023-01-01','2023-01-31',1428.00,'paid'),(1,'2024-01-01','2024-01-31',1428.00,'paid'),(2,'2023-07-01','2023-07-31',4788.00,'paid'),(2,'2024-07-01','2024-07-31',4788.00,'paid'),(3,'2022-12-01','2022-12-31',348.00,'paid'),
(4,'2023-04-01','2023-05-01',17880.00,'paid'),(4,'2024-04-01','2024-05-01',18500.00,'paid'),(5,'2023-06-01','2023-07-01',4788.00,'paid'),(5,'2024-06-01','2024-07-01',5100.00,'overdue'),(6,'2023-09-15','2023-10-15',1428.00,'paid'),
(7,'2024-02-01','2024-03-02',348.00,'paid'),(8,'2023-05-10','2023-06-09',174.00,'void'),(9,'2023-11-11','2023-12-11',1428.00,'overdue'),(10,'2024-03-01','2024-03-31',17880.00,'paid'),
(10,CURRENT_DATE - 45,CURRENT_DATE - 15,2980.00,'open'),(11,CURRENT_DATE - 65,CURRENT_DATE - 35,1428.00,'paid'),(12,CURRENT_DATE - 30,CURRENT_DATE,29.00,'open');
INSERT INTO billing.payment (invoice_id,paid_on,amount,method) VALUES
(1,'2023-01-20',1428.00,'card'),(2,'2024-02-05',1428.00,'card'),(3,'2023-07-28',4788.00,'bank transfer'),(4,'2024-07-15',2788.00,'bank transfer'),(4,'2024-08-10',2000.00,'bank transfer'),(5,'2022-12-03',348.00,'card'),
(6,'2023-04-27',17880.00,'bank transfer'),(7,'2024-05-19',18500.00,'bank transfer'),(8,'2023-06-15',4788.00,'direct debit'),(9,'2024-06-25',2500.00,'direct debit'),(10,'2023-10-12',1428.00,'card'),(11,'2024-02-02',348.00,'paypal'),
(14,'2024-03-22',17880.00,'bank transfer'),(16,CURRENT_DATE - 50,1428.00,'card');
