-- Return the first name, last name and salary of all employees.
--   0.97: Employees.
SELECT e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.id;

-- Give me the name and budget of each project.
--   0.97: Projects.
SELECT p.name, p.budget
FROM projects AS p
ORDER BY p.id;

-- Show the id and name of every department.
--   0.97: Departments.
SELECT d.id, d.name
FROM departments AS d
ORDER BY d.id;

-- List their first name and last name of employees hired after 2020
--   0.97: Employees where employees.hired_on is in: after the year 2020.
SELECT e.first_name, e.last_name
FROM employees AS e
WHERE e.hired_on >= '2021-01-01'
ORDER BY e.id;

-- List the employees hired after 2020. Show their first name and last name.
--   0.97: Employees where employees.hired_on is in: after the year 2020.
SELECT e.first_name, e.last_name
FROM employees AS e
WHERE e.hired_on >= '2021-01-01'
ORDER BY e.id;

-- What are the names and statuses of the running projects?
--   0.97: Projects where projects.status is running.
SELECT p.name, p.status
FROM projects AS p
WHERE p.status = 'running'
ORDER BY p.id;

-- Which employees work in Oslo? Return only the email and the phone.
--   0.97: Employees where employees.city is Oslo.
SELECT e.email, e.phone
FROM employees AS e
WHERE e.city = 'Oslo'
ORDER BY e.id;

-- Show projects along with their department name
--   0.97: Projects.
SELECT p.id, p.name, d.name
FROM projects AS p
JOIN departments AS d ON d.id = p.department_id
ORDER BY p.id;

-- Show the last name and email of employees together with the name of their department
--   0.97: Employees.
SELECT e.last_name, e.email, d.name
FROM employees AS e
LEFT JOIN departments AS d ON d.id = e.department_id
ORDER BY e.id;

-- names of employees as well as their salaries
--   0.97: Employees.
SELECT e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.id;

-- Return the project name and the number of employees assigned to it.
--   0.85: The number of employees for each projects.
SELECT p.id, p.name, count(*) AS number_of_employees
FROM assignments AS a
JOIN projects AS p ON p.id = a.project_id
GROUP BY p.id, p.name
ORDER BY number_of_employees DESC NULLS LAST, p.id, p.name;

-- Return the project name and the number of assignments. Order by the number of assignments descending.
--   0.97: The number of assignments for each projects, by number of assignments, highest first.
SELECT p.id, p.name, count(*) AS number_of_assignments
FROM assignments AS a
JOIN projects AS p ON p.id = a.project_id
GROUP BY p.id, p.name
ORDER BY number_of_assignments DESC NULLS LAST, p.id, p.name;

-- List the distinct job titles of employees
--   0.97: Employees.
SELECT DISTINCT e.job_title
FROM employees AS e
ORDER BY e.job_title;

-- What different cities do employees live in?
--   0.97: Employees.
SELECT DISTINCT e.city
FROM employees AS e
ORDER BY e.city;

-- Which unique roles exist in assignments?
--   0.97: Assignments.
SELECT DISTINCT a.role
FROM assignments AS a
ORDER BY a.role;

-- List all cities without duplicates
--   0.97: Employees.city.
SELECT DISTINCT e.city
FROM employees AS e
ORDER BY e.city;

-- employees whose salary is above 5000 and who live in Oslo
--   0.97: Employees where employees.salary is above 5000 and employees.city is Oslo.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
WHERE e.salary > 5000
  AND e.city = 'Oslo'
ORDER BY e.id;

-- employees who live in Oslo or Bergen
--   0.97: Employees where employees.city is Oslo or Bergen.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.city IN ('Oslo', 'Bergen')
ORDER BY e.id;

-- employees in Oslo or with a salary above 9000
--   0.97: Employees where employees.city is Oslo or employees.salary is above 9000.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
WHERE (e.city = 'Oslo' OR e.salary > 9000)
ORDER BY e.id;

-- employees who are either engineers or analysts
--   abstained PA001: "engineers", "analysts" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- projects that are neither paused nor finished
--   0.97: Projects where projects.status is not paused or finished.
SELECT p.id, p.name
FROM projects AS p
WHERE p.status NOT IN ('paused', 'finished')
ORDER BY p.id;

-- employees in cities other than Oslo
--   0.97: Employees where employees.city is not Oslo.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.city <> 'Oslo'
ORDER BY e.id;

-- projects except the finished ones
--   0.97: Projects where projects.status is not finished.
SELECT p.id, p.name
FROM projects AS p
WHERE p.status <> 'finished'
ORDER BY p.id;

-- projects that are not finished
--   0.97: Projects where projects.status is not finished.
SELECT p.id, p.name
FROM projects AS p
WHERE p.status <> 'finished'
ORDER BY p.id;

-- employees who live in Oslo but not engineers
--   abstained PA001: "engineers" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- employees with a salary between 3000 and 5000
--   0.97: Employees where employees.salary is from 3000 to 5000.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
WHERE (e.salary >= 3000 AND e.salary <= 5000)
ORDER BY e.id;

-- employees earning from 3000 to 5000
--   0.9: Employees where employees.salary is from 3000 to 5000.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
WHERE (e.salary >= 3000 AND e.salary <= 5000)
ORDER BY e.id;

-- projects with a budget of at least 10000
--   0.97: Projects where projects.budget is at least 10000.
SELECT p.id, p.name, p.budget
FROM projects AS p
WHERE p.budget >= 10000
ORDER BY p.id;

-- projects with a budget of no more than 10000
--   0.97: Projects where projects.budget is at most 10000.
SELECT p.id, p.name, p.budget
FROM projects AS p
WHERE p.budget <= 10000
ORDER BY p.id;

-- projects whose budget is under 500
--   0.97: Projects where projects.budget is below 500.
SELECT p.id, p.name, p.budget
FROM projects AS p
WHERE p.budget < 500
ORDER BY p.id;

-- assignments with hours from 1 to 5
--   0.97: Assignments where assignments.hours is from 1 to 5.
SELECT a.employee_id, a.project_id, a.role, a.hours
FROM assignments AS a
WHERE (a.hours >= 1 AND a.hours <= 5)
ORDER BY a.employee_id, a.project_id;

-- projects where the amount spent is greater than the budget
--   0.97: Projects where projects.spent is above projects.budget.
SELECT p.id, p.name, p.spent
FROM projects AS p
WHERE p.spent > p.budget
ORDER BY p.id;

-- projects that spent more than their budget
--   0.97: Projects where projects.spent is above projects.budget.
SELECT p.id, p.name, p.spent
FROM projects AS p
WHERE p.spent > p.budget
ORDER BY p.id;

-- Which projects finished after their due date?
--   0.97: Projects where projects.finished_on is above projects.due_on.
SELECT p.id, p.name, p.finished_on
FROM projects AS p
WHERE p.finished_on > p.due_on
ORDER BY p.id;

-- projects finished on or before the due date
--   0.97: Projects where projects.finished_on is at most projects.due_on.
SELECT p.id, p.name, p.finished_on
FROM projects AS p
WHERE p.finished_on <= p.due_on
ORDER BY p.id;

-- employees whose bonus is higher than their salary
--   0.97: Employees where employees.bonus is above employees.salary.
SELECT e.id, e.first_name, e.last_name, e.bonus
FROM employees AS e
WHERE e.bonus > e.salary
ORDER BY e.id;

-- employees whose first name starts with A
--   0.97: Employees where employees.first_name starts with A.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.first_name ILIKE 'A%'
ORDER BY e.id;

-- employees whose last name ends with "son"
--   0.97: Employees where employees.last_name ends with son.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.last_name ILIKE '%son'
ORDER BY e.id;

-- Which employees have a last name containing "berg"?
--   0.97: Employees where employees.last_name contains berg.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.last_name ILIKE '%berg%'
ORDER BY e.id;

-- employees whose email includes the word "admin"
--   0.97: Employees where employees.email contains admin.
SELECT e.id, e.first_name, e.last_name, e.email
FROM employees AS e
WHERE e.email ILIKE '%admin%'
ORDER BY e.id;

-- employees whose first name begins with the letter J
--   0.97: Employees where employees.first_name starts with J.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.first_name ILIKE 'J%'
ORDER BY e.id;

-- employees whose last name contains 'sen', case-insensitive
--   0.97: Employees where employees.last_name contains sen.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.last_name ILIKE '%sen%'
ORDER BY e.id;

-- employees whose last name ends in the letter n or starts with the letter K
--   0.97: Employees where employees.last_name ends with n or employees.last_name starts with K.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE (e.last_name ILIKE '%n' OR e.last_name ILIKE 'K%')
ORDER BY e.id;

-- employees that have no email
--   0.97: Employees where employees.email is missing.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.email IS NULL
ORDER BY e.id;

-- employees without a phone number
--   0.97: Employees where employees.phone is missing.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.phone IS NULL
ORDER BY e.id;

-- employees with no manager
--   0.97: Employees without any employees (manager).
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.manager_id IS NULL
ORDER BY e.id;

-- employees with missing email
--   0.97: Employees where employees.email is missing.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.email IS NULL
ORDER BY e.id;

-- projects that are not yet finished
--   0.97: Projects where projects.status is not finished.
SELECT p.id, p.name
FROM projects AS p
WHERE p.status <> 'finished'
ORDER BY p.id;

-- projects that have not started
--   0.97: Projects where projects.started_on is missing.
SELECT p.id, p.name
FROM projects AS p
WHERE p.started_on IS NULL
ORDER BY p.id;

-- projects that have not finished yet
--   0.97: Projects where projects.status is not finished.
SELECT p.id, p.name
FROM projects AS p
WHERE p.status <> 'finished'
ORDER BY p.id;

-- employees who have left
--   0.97: Employees where employees.left_on is not missing. Assumed: left means that left_on is set.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.left_on IS NOT NULL
ORDER BY e.id;

-- employees who have not left
--   0.97: Employees where employees.left_on is missing.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.left_on IS NULL
ORDER BY e.id;

-- employees without a department
--   0.97: Employees without any departments.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.department_id IS NULL
ORDER BY e.id;

-- remote employees
--   0.97: Employees where employees.remote is True.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.remote
ORDER BY e.id;

-- employees who are not remote
--   0.97: Employees where employees.remote is not True.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE NOT e.remote
ORDER BY e.id;

-- employees who work remotely
--   0.97: Employees where employees.remote is True.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.remote
ORDER BY e.id;

-- employees that do not work remotely
--   0.97: Employees where employees.remote is not True.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE NOT e.remote
ORDER BY e.id;

-- List employees ordered by salary descending, then last name
--   0.97: Employees, by employees.salary, highest first, then by employees.last_name, lowest first.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
ORDER BY e.salary DESC, e.last_name, e.id;

-- List employees sorted by last name alphabetically
--   0.97: Employees, by employees.last_name, lowest first.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
ORDER BY e.last_name, e.id;

-- List projects by budget from highest to lowest
--   0.97: Projects, by projects.budget, highest first.
SELECT p.id, p.name
FROM projects AS p
ORDER BY p.budget DESC, p.id;

-- show projects ordered by due date, most recent first
--   0.97: Projects, by projects.due_on, highest first.
SELECT p.id, p.name
FROM projects AS p
ORDER BY p.due_on DESC, p.id;

-- List the 5 employees with the highest salary
--   0.97: The first 5 of employees, by employees.salary, highest first.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.salary DESC, e.id
LIMIT 5;

-- Which employee has the highest salary?
--   0.97: The first 1 of employees, by employees.salary, highest first.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.salary DESC, e.id
LIMIT 1;

-- Who has the highest salary?
--   0.97: The first 1 of employees, by employees.salary, highest first.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.salary DESC, e.id
LIMIT 1;

-- What is the name of the employee with the lowest salary?
--   0.97: The first 1 of employees, by employees.salary, lowest first.
SELECT e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.salary, e.id
LIMIT 1;

-- What is the second highest salary?
--   0.97: Number 2 of employees.salary, by employees.salary, highest first.
SELECT DISTINCT e.salary
FROM employees AS e
ORDER BY e.salary DESC
LIMIT 1 OFFSET 1;

-- Who has the second highest salary?
--   0.97: Number 2 of employees, by employees.salary, highest first.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
ORDER BY e.salary DESC, e.id
LIMIT 1 OFFSET 1;

-- Which project has the largest budget? Return its name and budget.
--   0.97: The first 1 of projects, by projects.budget, highest first.
SELECT p.name, p.budget
FROM projects AS p
ORDER BY p.budget DESC, p.id
LIMIT 1;

-- What is the most recently hired employee's name?
--   abstained PA001: "name" could mean first_name or last_name
--   Name the column.

-- the first 3 employees hired
--   0.93: The first 3 of employees, by employees.hired_on, lowest first.
SELECT e.id, e.first_name, e.last_name, e.hired_on
FROM employees AS e
ORDER BY e.hired_on, e.id
LIMIT 3;

-- the latest project
--   0.97: The first 1 of projects, by projects.started_on, highest first.
SELECT p.id, p.name, p.started_on
FROM projects AS p
ORDER BY p.started_on DESC NULLS LAST, p.id
LIMIT 1;

-- Which department has the most employees?
--   0.97: The first 1 of departments with the number of employees, by number of employees, highest first.
SELECT d.id, d.name, count(*) AS number_of_employees
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
GROUP BY d.id, d.name
ORDER BY number_of_employees DESC NULLS LAST, d.id, d.name
LIMIT 1;

-- Which department has the fewest employees? Return the department name and the number of employees.
--   0.97: The first 1 of departments with the number of employees, by number of employees, lowest first.
SELECT d.id, d.name, count(*) AS number_of_employees
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
GROUP BY d.id, d.name
ORDER BY number_of_employees, d.id, d.name
LIMIT 1;

-- Which 3 departments have the highest average salary?
--   0.97: The first 3 of departments with the average employees.salary, by average employees.salary, highest first.
SELECT d.id, d.name, avg(e.salary) AS average_salary
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
GROUP BY d.id, d.name
ORDER BY average_salary DESC NULLS LAST, d.id, d.name
LIMIT 3;

-- Which job title has the highest average salary?
--   0.97: The first 1 of employees.job_title with the average employees.salary, by average employees.salary, highest first.
SELECT e.job_title, avg(e.salary) AS average_salary
FROM employees AS e
GROUP BY e.job_title
ORDER BY average_salary DESC NULLS LAST, e.job_title
LIMIT 1;

-- employees who have no skills
--   0.97: Employees without any skills.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE NOT EXISTS (
        SELECT 1
        FROM employee_skills AS es
        WHERE es.employee_id = e.id
      )
ORDER BY e.id;

-- employees who never worked on a project
--   0.75: Employees without any projects. Assumed: "worked" is read as how employees and projects belong together.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE NOT EXISTS (
        SELECT 1
        FROM assignments AS a
        WHERE a.employee_id = e.id
      )
ORDER BY e.id;

-- Which employees are not assigned to any project?
--   0.85: Employees without any assignments.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE NOT EXISTS (
        SELECT 1
        FROM assignments AS a
        WHERE a.employee_id = e.id
      )
ORDER BY e.id;

-- departments without any projects
--   0.97: Departments without any projects.
SELECT d.id, d.name
FROM departments AS d
WHERE NOT EXISTS (
        SELECT 1
        FROM projects AS p
        WHERE p.department_id = d.id
      )
ORDER BY d.id;

-- Which employees have the skill Python?
--   0.97: Employees where skills.name is Python.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE EXISTS (
        SELECT 1
        FROM employee_skills AS es
        JOIN skills AS s ON s.id = es.skill_id
        WHERE es.employee_id = e.id
          AND s.name = 'Python'
      )
ORDER BY e.id;

-- Which employees know both Python and Welding?
--   0.97: Employees where skills.name is Python or Welding. Assumed: each of the values of name has to be met.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE EXISTS (
        SELECT 1
        FROM employee_skills AS es
        JOIN skills AS s ON s.id = es.skill_id
        WHERE es.employee_id = e.id
          AND s.name = 'Python'
      )
  AND EXISTS (
        SELECT 1
        FROM employee_skills AS es2
        JOIN skills AS s2 ON s2.id = es2.skill_id
        WHERE es2.employee_id = e.id
          AND s2.name = 'Welding'
      )
ORDER BY e.id;

-- Which employees have the skill Python but not Welding?
--   abstained PA001: two conditions on name exclude each other
--   Ask for the one and the other.

-- all departments and their number of employees
--   0.97: The number of employees for each departments.
SELECT d.id,
       d.name,
       (
         SELECT count(*)
         FROM employees AS e
         WHERE e.department_id = d.id
       ) AS number_of_employees
FROM departments AS d
ORDER BY number_of_employees DESC NULLS LAST, d.id, d.name;

-- For each department, including those with none, the number of projects
--   0.97: The number of projects for each departments.
SELECT d.id,
       d.name,
       (
         SELECT count(*)
         FROM projects AS p
         WHERE p.department_id = d.id
       ) AS number_of_projects
FROM departments AS d
ORDER BY number_of_projects DESC NULLS LAST, d.id, d.name;

-- number of projects for every department, including departments without projects
--   0.97: The number of projects for each departments.
SELECT d.id,
       d.name,
       (
         SELECT count(*)
         FROM projects AS p
         WHERE p.department_id = d.id
       ) AS number_of_projects
FROM departments AS d
ORDER BY number_of_projects DESC NULLS LAST, d.id, d.name;

-- List every employee with the name of their manager
--   0.97: Employees.
SELECT e.id, e.first_name, e.last_name, m.first_name, m.last_name
FROM employees AS e
LEFT JOIN employees AS m ON m.id = e.manager_id
ORDER BY e.id;

-- Which employees earn more than their manager?
--   0.9: Employees where employees.salary is above employees (manager).salary.
SELECT e.id, e.first_name, e.last_name, e.salary
FROM employees AS e
JOIN employees AS m ON m.id = e.manager_id
WHERE e.salary > m.salary
ORDER BY e.id;

-- employees who have the same job title as their manager
--   0.97: Employees where employees.job_title is exactly employees (manager).job_title.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
JOIN employees AS m ON m.id = e.manager_id
WHERE e.job_title = m.job_title
ORDER BY e.id;

-- Who is the manager of "Smith"?
--   abstained PA001: rows of employees have no single name
--   Name the column with the value.

-- Which employees are managers?
--   0.97: Employees where they are a manager of some row.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE EXISTS (
        SELECT 1
        FROM employees AS e2
        WHERE e2.manager_id = e.id
      )
ORDER BY e.id;

-- How many employees does each manager have?
--   0.97: The number of employees for each employees (manager).
SELECT m.id, m.first_name, m.last_name, count(*) AS number_of_employees
FROM employees AS e
JOIN employees AS m ON m.id = e.manager_id
GROUP BY m.id, m.first_name, m.last_name
ORDER BY number_of_employees DESC NULLS LAST, m.id, m.first_name, m.last_name;

-- Which manager has the most employees?
--   0.97: The first 1 of employees (manager) with the number of employees, by number of employees, highest first.
SELECT m.id, m.first_name, m.last_name, count(*) AS number_of_employees
FROM employees AS e
JOIN employees AS m ON m.id = e.manager_id
GROUP BY m.id, m.first_name, m.last_name
ORDER BY number_of_employees DESC NULLS LAST, m.id, m.first_name, m.last_name
LIMIT 1;

-- employees who manage more than 3 people
--   abstained PA001: "manage" is not explained by anything in this database
--   Did you mean: manager?

-- pairs of employees who live in the same city
--   abstained PA001: "pairs", "same" is not explained by anything in this database
--   Did you mean: sale?

-- How many skills does each employee have?
--   0.97: The number of skills for each employees.
SELECT e.id, e.first_name, e.last_name, count(*) AS number_of_skills
FROM employee_skills AS es
JOIN employees AS e ON e.id = es.employee_id
GROUP BY e.id, e.first_name, e.last_name
ORDER BY number_of_skills DESC NULLS LAST, e.id, e.first_name, e.last_name;

-- Which skill do the most employees have?
--   0.97: The first 1 of skills with the number of employees, by number of employees, highest first.
SELECT s.id, s.name, count(*) AS number_of_employees
FROM employee_skills AS es
JOIN skills AS s ON s.id = es.skill_id
GROUP BY s.id, s.name
ORDER BY number_of_employees DESC NULLS LAST, s.id, s.name
LIMIT 1;

-- projects with more than 5 employees
--   0.97: The number of employees where the number of employees is above 5 for each projects.
SELECT p.id, p.name, count(*) AS number_of_employees
FROM assignments AS a
JOIN projects AS p ON p.id = a.project_id
GROUP BY p.id, p.name
HAVING count(*) > 5
ORDER BY number_of_employees DESC NULLS LAST, p.id, p.name;

-- employees assigned to more than 2 projects
--   0.85: The number of projects where the number of projects is above 2 for each employees.
SELECT e.id, e.first_name, e.last_name, count(*) AS number_of_projects
FROM assignments AS a
JOIN employees AS e ON e.id = a.employee_id
GROUP BY e.id, e.first_name, e.last_name
HAVING count(*) > 2
ORDER BY number_of_projects DESC NULLS LAST, e.id, e.first_name, e.last_name;

-- employees who work on the project "Apollo"
--   0.97: Employees where projects.name is Apollo.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE EXISTS (
        SELECT 1
        FROM assignments AS a
        JOIN projects AS p ON p.id = a.project_id
        WHERE a.employee_id = e.id
          AND lower(p.name) = lower('Apollo')
      )
ORDER BY e.id;

-- departments that have at least one remote employee
--   0.97: The number of employees where employees.remote is True and the number of employees is at least 1 for each departments.
SELECT d.id, d.name, count(*) AS number_of_employees
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
WHERE e.remote
GROUP BY d.id, d.name
HAVING count(*) >= 1
ORDER BY number_of_employees DESC NULLS LAST, d.id, d.name;

-- departments where all employees are remote
--   0.97: Departments without any employees (employees.remote is not True). Assumed: those without any employees are left out.
SELECT d.id, d.name
FROM departments AS d
WHERE EXISTS (
        SELECT 1
        FROM employees AS e
        WHERE e.department_id = d.id
      )
  AND NOT EXISTS (
        SELECT 1
        FROM employees AS e2
        WHERE e2.department_id = d.id
          AND NOT e2.remote
      )
ORDER BY d.id;

-- What is the average salary of employees in the Sales department?
--   0.97: The average employees.salary where departments.name is Sales.
SELECT avg(e.salary) AS average_salary
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
WHERE d.name = 'Sales';

-- How many employees are there in each building?
--   0.97: The number of employees for each departments.building.
SELECT d.building, count(*) AS number_of_employees
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
GROUP BY d.building
ORDER BY number_of_employees DESC NULLS LAST, d.building;

-- names of departments with an average salary above 5000
--   0.97: The average employees.salary where the average employees.salary is above 5000 for each departments.
SELECT d.id, d.name, avg(e.salary) AS average_salary
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
GROUP BY d.id, d.name
HAVING avg(e.salary) > 5000
ORDER BY average_salary DESC NULLS LAST, d.id, d.name;

-- Show the department name and the highest salary in it
--   0.97: The highest employees.salary for each departments.
SELECT d.id, d.name, max(e.salary) AS highest_salary
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
GROUP BY d.id, d.name
ORDER BY highest_salary DESC NULLS LAST, d.id, d.name;

-- employees hired in 2020 or 2021
--   0.97: Employees where employees.hired_on is in: the year 2020 or employees.hired_on is in: the year 2021.
SELECT e.id, e.first_name, e.last_name, e.hired_on
FROM employees AS e
WHERE (e.hired_on >= '2020-01-01' AND e.hired_on < '2021-01-01' OR e.hired_on >= '2021-01-01' AND e.hired_on < '2022-01-01')
ORDER BY e.id;

-- employees not in Sales or Legal
--   0.97: Employees where departments.name is not Sales or Legal.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
WHERE d.name NOT IN ('Sales', 'Legal')
ORDER BY e.id;

-- employees who are not in the Sales department
--   0.97: Employees where departments.name is not Sales.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
JOIN departments AS d ON d.id = e.department_id
WHERE d.name <> 'Sales'
ORDER BY e.id;

-- How many projects are running or paused?
--   0.97: The number of projects where projects.status is running or paused.
SELECT count(*) AS number_of_projects
FROM projects AS p
WHERE p.status IN ('running', 'paused');

-- How many projects have no start date?
--   abstained PA001: "date" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- projects that are over budget
--   0.97: Projects where projects.spent is above projects.budget.
SELECT p.id, p.name, p.spent
FROM projects AS p
WHERE p.spent > p.budget
ORDER BY p.id;

-- projects with high priority and status running or planned
--   0.97: Projects where projects.priority is high and projects.status is running or planned.
SELECT p.id, p.name
FROM projects AS p
WHERE p.priority = 'high'
  AND p.status IN ('running', 'planned')
ORDER BY p.id;

-- Which employees have a phone but no email?
--   0.97: Employees where employees.phone is not missing and employees.email is missing.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.phone IS NOT NULL
  AND e.email IS NULL
ORDER BY e.id;

-- How many employees do not have a manager?
--   0.97: The number of employees without any employees (manager).
SELECT count(*) AS number_of_employees
FROM employees AS e
WHERE e.manager_id IS NULL;

-- employees from Oslo, Bergen or Berlin
--   0.97: Employees where employees.city is Oslo or Bergen or Berlin.
SELECT e.id, e.first_name, e.last_name
FROM employees AS e
WHERE e.city IN ('Oslo', 'Bergen', 'Berlin')
ORDER BY e.id;

-- skills that no employee has
--   0.97: Skills without any employees.
SELECT s.id, s.name
FROM skills AS s
WHERE NOT EXISTS (
        SELECT 1
        FROM employee_skills AS es
        WHERE es.skill_id = s.id
      )
ORDER BY s.id;

-- the oldest running project
--   0.97: The first 1 of projects where projects.status is running, by projects.started_on, lowest first.
SELECT p.id, p.name, p.started_on
FROM projects AS p
WHERE p.status = 'running'
ORDER BY p.started_on, p.id
LIMIT 1;

-- the employee who was hired first
--   0.97: The first 1 of employees, by employees.hired_on, lowest first.
SELECT e.id, e.first_name, e.last_name, e.hired_on
FROM employees AS e
ORDER BY e.hired_on, e.id
LIMIT 1;

-- Which employee was hired last?
--   0.97: The first 1 of employees, by employees.hired_on, highest first.
SELECT e.id, e.first_name, e.last_name, e.hired_on
FROM employees AS e
ORDER BY e.hired_on DESC, e.id
LIMIT 1;
