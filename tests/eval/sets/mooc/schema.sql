CREATE SCHEMA catalog;
CREATE SCHEMA learning;
CREATE TABLE catalog.teacher (id serial PRIMARY KEY, name text NOT NULL, country text, bio text);
CREATE TABLE catalog.course (id serial PRIMARY KEY, title text NOT NULL, subject text, level text, teacher_id integer REFERENCES catalog.teacher(id), price numeric(8,2), published_on date, hours integer, is_free boolean);
CREATE TABLE catalog.lesson (id serial PRIMARY KEY, course_id integer REFERENCES catalog.course(id), position integer, title text, minutes integer, kind text);
CREATE TABLE learning.learner (id serial PRIMARY KEY, name text NOT NULL, email text, country text, joined_on date, premium boolean);
CREATE TABLE learning.enrollment (id serial PRIMARY KEY, learner_id integer REFERENCES learning.learner(id), course_id integer REFERENCES catalog.course(id), enrolled_on date, completed_on date, progress_pct integer, grade numeric(4,1));
CREATE TABLE learning.rating (learner_id integer REFERENCES learning.learner(id), course_id integer REFERENCES catalog.course(id), stars integer, comment text, rated_at timestamp, PRIMARY KEY (learner_id, course_id));
CREATE TABLE learning.quiz_attempt (id serial PRIMARY KEY, learner_id integer REFERENCES learning.learner(id), lesson_id integer REFERENCES catalog.lesson(id), attempted_at timestamp, score numeric(5,2), passed boolean);
INSERT INTO catalog.teacher(name,country,bio) VALUES ('Amara Diallo','Senegal','statistician'),('Boris Tan','Singapore','web developer'),('Carla Ruiz','Chile',NULL),('Dieter Vogt','Germany','pianist');
INSERT INTO catalog.course(title,subject,level,teacher_id,price,published_on,hours,is_free) VALUES
 ('Statistics from Scratch','math','beginner',1,49.00,'2022-02-01',20,false),('Linear Models','math','advanced',1,89.00,'2023-01-15',32,false),
 ('Build a Web Shop','programming','intermediate',2,69.00,'2022-09-10',28,false),('HTML in a Day','programming','beginner',2,0,'2021-06-05',6,true),
 ('Spanish for Travellers','language','beginner',3,29.00,'2023-05-20',15,false),('Piano Basics','music','beginner',4,39.00,'2023-08-08',18,false),
 ('Reading Scores','music','intermediate',4,0,'2024-01-12',9,true),('Async Patterns','programming','advanced',2,99.00,'2024-02-20',24,false);
INSERT INTO catalog.lesson(course_id,position,title,minutes,kind) VALUES
 (1,1,'What is a mean?',25,'video'),(1,2,'Spread',30,'video'),(1,3,'First quiz',15,'quiz'),(2,1,'Least squares',45,'video'),(2,2,'Residuals',40,'reading'),(2,3,'Model quiz',20,'quiz'),
 (3,1,'Shopping carts',50,'video'),(3,2,'Payments',35,'reading'),(4,1,'Tags',20,'video'),(4,2,'Tag quiz',10,'quiz'),(5,1,'Greetings',22,'video'),(5,2,'At the station',28,'video'),(6,1,'Posture',18,'video'),(6,2,'Scales',33,'video'),(7,1,'Clefs',16,'reading');
INSERT INTO learning.learner(name,email,country,joined_on,premium) VALUES
 ('Ada Nkosi','ada@mailhub.example','South Africa','2022-01-20',true),('Ben Clarke','ben@corpnet.example','Canada','2022-03-11',false),('Chen Wei','chen@mailhub.example','Singapore','2022-10-02',true),
 ('Daria Popa','daria@corpnet.example','Romania','2023-02-14',false),('Emil Novak','emil@mailhub.example','Chile','2023-06-30',false),('Fiona Walsh','fiona@mailhub.example','Canada','2023-11-05',true),
 ('Gita Rao','gita@corpnet.example','India','2024-01-03',false),('Hans Ober','hans@corpnet.example','Germany',CURRENT_DATE - 50,false),('Ivy Stone','ivy@mailhub.example','Canada',CURRENT_DATE - 12,true);
INSERT INTO learning.enrollment(learner_id,course_id,enrolled_on,completed_on,progress_pct,grade) VALUES
 (1,1,'2022-02-05','2022-04-01',100,88.0),(1,2,'2023-02-01','2023-05-10',100,79.5),(2,1,'2022-03-15',NULL,40,NULL),(2,4,'2022-03-20','2022-03-21',100,95.0),(3,3,'2022-10-10','2023-01-09',100,91.0),
 (3,8,'2024-03-01',NULL,65,NULL),(4,4,'2023-02-20','2023-03-05',100,72.0),(4,3,'2023-03-10',NULL,10,NULL),(5,5,'2023-07-01','2023-08-15',100,84.5),(5,1,'2023-09-01','2023-11-20',100,67.0),
 (6,6,'2023-11-10',NULL,80,NULL),(6,7,'2024-01-15','2024-02-02',100,90.0),(7,1,'2024-01-10','2024-03-30',100,93.5),(8,4,CURRENT_DATE - 48,CURRENT_DATE - 46,100,81.0),(8,3,CURRENT_DATE - 20,NULL,5,NULL),(9,1,CURRENT_DATE - 10,NULL,15,NULL);
INSERT INTO learning.rating VALUES
 (1,1,5,'clear and calm','2022-04-02 18:20'),(1,2,4,NULL,'2023-05-12 09:00'),(2,4,5,'short!','2022-03-22 12:30'),(3,3,3,'dated tools','2023-01-10 21:15'),(4,4,4,NULL,'2023-03-06 08:45'),
 (5,5,5,'loved it','2023-08-16 10:10'),(5,1,2,'too fast','2023-11-21 17:40'),(6,7,4,NULL,'2024-02-03 19:05'),(7,1,5,NULL,'2024-04-01 07:50');
INSERT INTO learning.quiz_attempt(learner_id,lesson_id,attempted_at,score,passed) VALUES
 (1,3,'2022-03-01 10:00',55.00,false),(1,3,'2022-03-02 10:00',82.00,true),(1,6,'2023-04-20 11:30',76.00,true),(2,3,'2022-04-04 20:00',40.00,false),(2,10,'2022-03-21 09:00',98.00,true),(4,10,'2023-03-01 22:10',61.00,false),
 (4,10,'2023-03-04 22:10',74.00,true),(5,3,'2023-10-10 13:00',70.00,true),(7,3,'2024-02-20 15:00',95.00,true),(8,10,CURRENT_DATE - 47 + time '12:00',85.00,true);
