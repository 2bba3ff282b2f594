CREATE TABLE stations (stn_code char(4) PRIMARY KEY, stn_name text, region text, elevation_m integer, coastal boolean, opened_year integer, closed_year integer);
CREATE TABLE sensors (sensor_id integer PRIMARY KEY, stn_code char(4), kind text, maker text, installed date, last_calibrated date, working boolean);
CREATE TABLE daily_obs (stn_code char(4), year integer, month integer, day integer, tmax_c numeric(4,1), tmin_c numeric(4,1), rain_mm numeric(5,1), wind_max_kmh integer, sun_hours numeric(4,1), snow_cm integer);
CREATE TABLE monthly_normals (stn_code char(4), month integer, tmean_c numeric(4,1), rain_mm numeric(5,1));
CREATE TABLE warnings (warn_id integer PRIMARY KEY, region text, kind text, level text, issued_at timestamp, expires_at timestamp);
CREATE TABLE observers (observer_id integer PRIMARY KEY, name text, since_year integer, volunteer boolean, home_stn char(4));
INSERT INTO stations VALUES ('ALVA','Alvaton Moor','Highlands',612,false,1958,NULL),('BRIN','Brinmouth','South Coast',8,true,1931,NULL),('CORR','Corrie Dam','Highlands',455,false,1987,NULL),('DUNE','Dunewick','South Coast',14,true,2004,NULL),('ELMS','Elmsford','Midvale',96,false,1972,NULL),('FENN','Fennholt','Midvale',41,false,1949,2019),('GULL','Gull Head','North Isles',33,true,1996,NULL);
INSERT INTO sensors VALUES
 (1,'ALVA','thermometer','Termix','2012-05-01','2023-04-12',true),(2,'ALVA','rain gauge','Pluvio','2016-09-13','2022-10-03',true),(3,'BRIN','thermometer','Termix','2019-03-20','2023-06-01',true),(4,'BRIN','anemometer','Gale','2008-07-07','2021-05-19',false),
 (5,'CORR','snow stake','Norda','2001-11-02',NULL,true),(6,'CORR','thermometer','Heliotek','2020-10-10','2023-10-11',true),(7,'DUNE','anemometer','Gale','2018-02-22','2023-02-24',true),(8,'ELMS','rain gauge','Pluvio','2014-06-30','2023-07-04',true),
 (9,'ELMS','thermometer','Heliotek','2009-01-15','2020-01-20',false),(10,'GULL','anemometer','Norda',CURRENT_DATE - 200,CURRENT_DATE - 45,true),(11,'GULL','sunshine recorder','Heliotek','2017-08-09','2022-08-15',true);
INSERT INTO daily_obs VALUES
 ('ALVA',2023,1,14,1.5,-6.2,4.0,52,1.0,22),('ALVA',2023,1,15,-0.5,-9.8,0.0,30,5.5,24),('ALVA',2023,7,8,18.4,9.1,2.2,28,7.0,0),('ALVA',2023,12,24,0.2,-4.0,11.5,75,0.0,31),('ALVA',2024,1,14,-2.2,-11.3,1.0,40,2.4,45),('ALVA',2024,7,19,20.1,10.4,0.0,22,9.9,0),
 ('BRIN',2023,1,14,9.0,4.4,6.8,66,0.6,0),('BRIN',2023,1,15,8.1,2.0,0.2,35,4.2,0),('BRIN',2023,7,8,26.3,15.9,0.0,20,12.1,0),('BRIN',2023,12,24,10.7,7.5,14.0,98,0.0,0),('BRIN',2024,1,14,7.3,1.1,0.0,25,5.8,0),('BRIN',2024,7,19,30.2,18.8,0.0,18,13.4,0),
 ('CORR',2023,1,14,2.8,-4.1,7.7,44,0.4,12),('CORR',2023,7,8,19.9,10.2,5.1,26,6.3,0),('CORR',2023,12,24,1.9,-2.7,16.3,69,0.0,18),('CORR',2024,1,14,-0.9,-8.5,0.6,33,3.0,27),
 ('DUNE',2023,1,15,8.4,2.6,0.0,41,4.9,0),('DUNE',2023,7,8,25.0,16.3,0.4,31,11.2,0),('DUNE',2023,12,24,11.1,8.0,9.2,107,0.0,0),('DUNE',2024,7,19,28.8,19.0,0.0,27,13.0,0),
 ('ELMS',2023,1,14,6.2,0.9,3.3,38,1.8,0),('ELMS',2023,7,8,27.7,14.0,0.0,17,11.8,0),('ELMS',2024,1,14,3.0,-3.6,0.0,21,4.4,2),('ELMS',2024,7,19,33.5,17.2,8.4,48,10.6,0),
 ('FENN',2018,7,8,29.9,15.5,0.0,15,12.9,0),('FENN',2019,1,14,4.4,-1.2,2.9,29,1.1,0),
 ('GULL',2023,1,14,5.9,2.7,9.6,84,0.2,0),('GULL',2023,7,8,16.8,11.7,1.5,45,8.0,0),('GULL',2023,12,24,6.6,3.9,12.8,121,0.0,0),('GULL',2024,7,19,18.2,12.6,0.0,39,10.1,0);
INSERT INTO monthly_normals VALUES ('ALVA',1,-2.1,140.0),('ALVA',7,13.2,85.0),('BRIN',1,6.4,72.5),('BRIN',7,19.1,38.0),('CORR',1,-0.4,155.5),('CORR',7,14.3,96.0),('DUNE',1,6.1,68.0),('DUNE',7,18.7,41.0),('ELMS',1,3.9,58.0),('ELMS',7,19.4,54.5),('GULL',1,4.6,110.0),('GULL',7,13.9,63.0);
INSERT INTO warnings VALUES
 (1,'Highlands','snow','amber','2023-01-13 18:00','2023-01-15 06:00'),(2,'South Coast','wind','yellow','2023-01-13 20:00','2023-01-14 20:00'),(3,'South Coast','wind','red','2023-12-23 15:00','2023-12-25 00:00'),(4,'North Isles','wind','red','2023-12-23 12:00','2023-12-24 22:00'),
 (5,'Highlands','ice','yellow','2024-01-12 10:00','2024-01-16 09:00'),(6,'Midvale','heat','amber','2024-07-17 08:00','2024-07-20 20:00'),(7,'South Coast','heat','yellow','2024-07-18 08:00','2024-07-19 22:00'),(8,'Midvale','thunderstorm','yellow','2024-07-19 14:00','2024-07-19 23:00'),
 (9,'North Isles','wind','yellow',CURRENT_DATE - 11 + time '06:00',CURRENT_DATE - 10 + time '18:00'),(10,'Highlands','snow','yellow',CURRENT_DATE - 3 + time '09:00',CURRENT_DATE - 1 + time '09:00');
INSERT INTO observers VALUES (1,'Mabel Thorne',1999,true,'BRIN'),(2,'Ned Aldous',2011,false,'ALVA'),(3,'Orla Finch',2018,true,'ALVA'),(4,'Percy Dunn',1985,true,'ELMS'),(5,'Queenie Marsh',2020,false,'GULL'),(6,'Rex Holloway',2015,true,NULL);
