CREATE TABLE departments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, budget numeric(12,2));
CREATE TABLE employees (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, full_name text NOT NULL, email text, department_id bigint REFERENCES departments (id), hired_on date NOT NULL, salary integer, street text, city text, postcode text, fax text);
CREATE INDEX employees_department_id_idx ON employees (department_id);
CREATE TABLE projects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'running', 'done')), starts_on date, ends_on date, category text, lead_id bigint, notes varchar(200));
CREATE TABLE assignments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, employee_id bigint NOT NULL REFERENCES employees (id), project_id bigint NOT NULL REFERENCES projects (id), hours integer NOT NULL DEFAULT 0);
INSERT INTO departments (name) VALUES ('Sales'), ('Research');
INSERT INTO employees (full_name, email, department_id, hired_on, salary, street, city) SELECT 'E ' || i, 'e' || i || '@example.org', 1 + i % 2, DATE '2020-01-01' + i, 1000 + i, 'Road ' || i, 'Town' FROM generate_series(1, 20) i;
INSERT INTO projects (title, starts_on, ends_on, category) SELECT 'P ' || i, DATE '2021-01-01', DATE '2021-06-01', CASE i % 2 WHEN 0 THEN 'inner' ELSE 'outer' END FROM generate_series(1, 6) i;
INSERT INTO assignments (employee_id, project_id, hours) SELECT i, 1 + i % 6, i FROM generate_series(1, 20) i;
