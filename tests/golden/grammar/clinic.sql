-- How many appointments does each doctor have?
--   0.97: The number of appointments for each doctors.
SELECT d.doctor_id, d.first_name, d.last_name, count(*) AS number_of_appointments
FROM appointments AS a
JOIN doctors AS d ON d.doctor_id = a.doctor_id
GROUP BY d.doctor_id, d.first_name, d.last_name
ORDER BY number_of_appointments DESC NULLS LAST, d.doctor_id, d.first_name, d.last_name;

-- What is the average fee per specialty?
--   0.97: The average appointments.fee for each doctors.specialty.
SELECT d.specialty, avg(a.fee) AS average_fee
FROM appointments AS a
JOIN doctors AS d ON d.doctor_id = a.doctor_id
GROUP BY d.specialty
ORDER BY average_fee DESC NULLS LAST, d.specialty;

-- Which patients have never had an appointment?
--   0.97: Patients without any appointments.
SELECT p.patient_id, p.first_name, p.last_name
FROM patients AS p
WHERE NOT EXISTS (
        SELECT 1
        FROM appointments AS a
        WHERE a.patient_id = p.patient_id
      )
ORDER BY p.patient_id;

-- How many female patients live in Vienna?
--   0.97: The number of patients where patients.gender is female and patients.city is Vienna.
SELECT count(*) AS number_of_patients
FROM patients AS p
WHERE p.gender = 'female'
  AND p.city = 'Vienna';

-- List the first name, last name and birth date of patients with private insurance
--   0.97: Patients where patients.insurance is private.
SELECT p.first_name, p.last_name, p.birth_date
FROM patients AS p
WHERE p.insurance = 'private'
ORDER BY p.patient_id;

-- How many appointments were cancelled last week?
--   0.97: The number of appointments where appointments.starts_at is in: "last week" is the previous calendar week and appointments.status is cancelled.
SELECT count(*) AS number_of_appointments
FROM appointments AS a
WHERE (a.starts_at >= (date_trunc('week', current_date) - interval '1 week')::timestamp AND a.starts_at < (date_trunc('week', current_date))::timestamp)
  AND a.status = 'cancelled';

-- Who is the highest paid doctor?
--   0.97: The first 1 of doctors, by doctors.salary, highest first.
SELECT d.doctor_id, d.first_name, d.last_name, d.salary
FROM doctors AS d
ORDER BY d.salary DESC, d.doctor_id
LIMIT 1;

-- Which doctor has the most appointments this month?
--   0.97: The first 1 of doctors with the number of appointments where appointments.starts_at is in: "this month" is the current calendar month, by number of appointments, highest first.
SELECT d.doctor_id, d.first_name, d.last_name, count(*) AS number_of_appointments
FROM appointments AS a
JOIN doctors AS d ON d.doctor_id = a.doctor_id
WHERE (a.starts_at >= (date_trunc('month', current_date))::timestamp AND a.starts_at < (date_trunc('month', current_date) + interval '1 month')::timestamp)
GROUP BY d.doctor_id, d.first_name, d.last_name
ORDER BY number_of_appointments DESC NULLS LAST, d.doctor_id, d.first_name, d.last_name
LIMIT 1;

-- total fees per month in 2025
--   0.97: The total appointments.fee where appointments.starts_at is in: the year 2025 for each month.
SELECT date_trunc('month', a.starts_at)::date AS month, sum(a.fee) AS total_fee
FROM appointments AS a
WHERE (a.starts_at >= '2025-01-01' AND a.starts_at < '2026-01-01')
GROUP BY date_trunc('month', a.starts_at)::date
ORDER BY month;

-- How many prescriptions were written for each drug?
--   0.97: The number of prescriptions for each drugs.
SELECT d.drug_id, d.name, count(*) AS number_of_prescriptions
FROM prescriptions AS p
JOIN drugs AS d ON d.drug_id = p.drug_id
GROUP BY d.drug_id, d.name
ORDER BY number_of_prescriptions DESC NULLS LAST, d.drug_id, d.name;

-- patients without insurance
--   0.97: Patients where patients.insurance is missing.
SELECT p.patient_id, p.first_name, p.last_name
FROM patients AS p
WHERE p.insurance IS NULL
ORDER BY p.patient_id;

-- What is the average salary of doctors in cardiology?
--   0.97: The average doctors.salary where doctors.specialty is cardiology.
SELECT avg(d.salary) AS average_salary
FROM doctors AS d
WHERE d.specialty = 'cardiology';

-- Which drugs cost more than 50?
--   0.9: Drugs where drugs.price is above 50.
SELECT d.drug_id, d.name, d.price
FROM drugs AS d
WHERE d.price > 50
ORDER BY d.drug_id;

-- How many appointments lasted more than 30 minutes?
--   0.97: The number of appointments where appointments.minutes is above 30.
SELECT count(*) AS number_of_appointments
FROM appointments AS a
WHERE a.minutes > 30;

-- Doctors hired before 2015
--   0.97: Doctors where doctors.hired_on is in: before the year 2015.
SELECT d.doctor_id, d.first_name, d.last_name, d.hired_on
FROM doctors AS d
WHERE d.hired_on < '2015-01-01'
ORDER BY d.doctor_id;

-- ratio of cancelled appointments to completed appointments
--   0.97: The number of appointments where appointments.status is cancelled divided by the number of appointments where appointments.status is completed.
SELECT count(*) FILTER (WHERE a.status = 'cancelled')::numeric / NULLIF(count(*) FILTER (WHERE a.status = 'completed'), 0) AS ratio
FROM appointments AS a;

-- What percentage of patients are female?
--   0.97: The number of patients where patients.gender is female as a percentage of the number of patients.
SELECT 100.0 * count(*) FILTER (WHERE p.gender = 'female') / NULLIF(count(*), 0) AS percentage
FROM patients AS p;

-- youngest patient
--   0.97: The first 1 of patients, by patients.birth_date, highest first.
SELECT p.patient_id, p.first_name, p.last_name, p.birth_date
FROM patients AS p
ORDER BY p.birth_date DESC, p.patient_id
LIMIT 1;

-- How many appointments per day in the last 30 days?
--   0.97: The number of appointments where appointments.starts_at is in: the last 30 days up to today for each day.
SELECT a.starts_at::date AS day, count(*) AS number_of_appointments
FROM appointments AS a
WHERE (a.starts_at >= (current_date - interval '30 days')::timestamp AND a.starts_at < (current_date + interval '1 day')::timestamp)
GROUP BY a.starts_at::date
ORDER BY day;

-- How many patients per city and gender?
--   0.97: The number of patients for each patients.city and patients.gender.
SELECT p.city, p.gender, count(*) AS number_of_patients
FROM patients AS p
GROUP BY p.city, p.gender
ORDER BY number_of_patients DESC NULLS LAST, p.city, p.gender;

-- What is the share of missed appointments?
--   0.97: The number of appointments where appointments.status is missed as a percentage of the number of appointments.
SELECT 100.0 * count(*) FILTER (WHERE a.status = 'missed') / NULLIF(count(*), 0) AS percentage
FROM appointments AS a;

-- Which patients have at least 3 appointments in 2026?
--   0.97: The number of appointments where appointments.starts_at is in: the year 2026 and the number of appointments is at least 3 for each patients.
SELECT p.patient_id, p.first_name, p.last_name, count(*) AS number_of_appointments
FROM appointments AS a
JOIN patients AS p ON p.patient_id = a.patient_id
WHERE (a.starts_at >= '2026-01-01' AND a.starts_at < '2027-01-01')
GROUP BY p.patient_id, p.first_name, p.last_name
HAVING count(*) >= 3
ORDER BY number_of_appointments DESC NULLS LAST, p.patient_id, p.first_name, p.last_name;

-- which drugs have never been prescribed?
--   0.85: Drugs without any prescriptions.
SELECT d.drug_id, d.name
FROM drugs AS d
WHERE NOT EXISTS (
        SELECT 1
        FROM prescriptions AS p
        WHERE p.drug_id = d.drug_id
      )
ORDER BY d.drug_id;

-- How many doctors earn between 50000 and 80000?
--   0.9: The number of doctors where doctors.salary is from 50000 to 80000.
SELECT count(*) AS number_of_doctors
FROM doctors AS d
WHERE (d.salary >= 50000 AND d.salary <= 80000);

-- the average duration of completed appointments per doctor
--   0.93: The average appointments.minutes where appointments.status is completed for each doctors.
SELECT d.doctor_id, d.first_name, d.last_name, avg(a.minutes) AS average_minute
FROM appointments AS a
JOIN doctors AS d ON d.doctor_id = a.doctor_id
WHERE a.status = 'completed'
GROUP BY d.doctor_id, d.first_name, d.last_name
ORDER BY average_minute DESC NULLS LAST, d.doctor_id, d.first_name, d.last_name;

-- maximum dose
--   0.93: The highest prescriptions.dose_mg.
SELECT max(p.dose_mg) AS highest_dose_mg
FROM prescriptions AS p;

-- doctors who like chocolate
--   abstained PA001: "chocolate" is not explained by anything in this database
--   Use names of tables and columns, or quote values.
