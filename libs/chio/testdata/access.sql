-- Users, roles, settings profiles, quotas and row policies, for a ClickHouse server; the embedded store has none of these.
-- The user who runs this needs ACCESS MANAGEMENT and, with GRANT OPTION, what is granted here. Every statement can be
-- repeated: a run leaves the roles with exactly the grants below, whatever they had before.

-- Services wait for their store; they must not wait for ever, nor take all of its memory.
CREATE SETTINGS PROFILE IF NOT EXISTS bellwether_service;
ALTER SETTINGS PROFILE bellwether_service
SETTINGS max_execution_time = 120 MIN 1 MAX 600, max_memory_usage = 8000000000 MIN 1 MAX 8000000000, async_insert = 0;

-- readonly = 2 lets clients say how a query is run, as clickhouse-go and Grafana do; the constraints bound what they say.
CREATE SETTINGS PROFILE IF NOT EXISTS bellwether_analyst;
ALTER SETTINGS PROFILE bellwether_analyst
SETTINGS readonly = 2, allow_ddl = 0 CONST, max_execution_time = 60 MIN 1 MAX 300, max_memory_usage = 1000000000 MIN 1 MAX 1000000000,
    max_result_rows = 10000000 MIN 1 MAX 10000000, result_overflow_mode = 'throw' CONST, max_threads = 2 MIN 1 MAX 4,
    max_concurrent_queries_for_user = 8 CONST;

-- A table has one writer. It may insert and nothing else: rows are never changed in place.
CREATE ROLE IF NOT EXISTS bellwether_role_ingestor;
GRANT INSERT ON bellwether.ingest_runs TO bellwether_role_ingestor WITH REPLACE OPTION;
CREATE ROLE IF NOT EXISTS bellwether_role_validator;
GRANT INSERT ON bellwether.observations TO bellwether_role_validator WITH REPLACE OPTION;
GRANT INSERT ON bellwether.observation_revisions TO bellwether_role_validator;
GRANT INSERT ON bellwether.verdicts TO bellwether_role_validator;
GRANT INSERT ON bellwether.quarantine TO bellwether_role_validator;
GRANT SELECT ON bellwether.observations TO bellwether_role_validator;
GRANT SELECT ON bellwether.observation_revisions TO bellwether_role_validator;
GRANT SELECT ON bellwether.ingest_runs TO bellwether_role_validator;
CREATE ROLE IF NOT EXISTS bellwether_role_trainer;
GRANT INSERT ON bellwether.models TO bellwether_role_trainer WITH REPLACE OPTION;
GRANT INSERT ON bellwether.backtests TO bellwether_role_trainer;
GRANT SELECT ON bellwether.observations TO bellwether_role_trainer;
GRANT SELECT ON bellwether.observation_revisions TO bellwether_role_trainer;
GRANT SELECT ON bellwether.quarantine TO bellwether_role_trainer;
GRANT SELECT ON bellwether.models TO bellwether_role_trainer;
CREATE ROLE IF NOT EXISTS bellwether_role_forecaster;
GRANT INSERT ON bellwether.forecasts TO bellwether_role_forecaster WITH REPLACE OPTION;
GRANT INSERT ON bellwether.scores TO bellwether_role_forecaster;
GRANT SELECT ON bellwether.observations TO bellwether_role_forecaster;
GRANT SELECT ON bellwether.observation_revisions TO bellwether_role_forecaster;
GRANT SELECT ON bellwether.models TO bellwether_role_forecaster;
GRANT SELECT ON bellwether.forecasts TO bellwether_role_forecaster;
GRANT SELECT ON bellwether.scores TO bellwether_role_forecaster;
CREATE ROLE IF NOT EXISTS bellwether_role_monitor;
GRANT INSERT ON bellwether.events TO bellwether_role_monitor WITH REPLACE OPTION;
GRANT INSERT ON bellwether.alerts TO bellwether_role_monitor;

-- The monitor also watches the room on the store's disks.
GRANT SELECT ON system.disks TO bellwether_role_monitor;

-- Operators: bellwether status, alerts and sql.
CREATE ROLE IF NOT EXISTS bellwether_role_operator;
GRANT SELECT ON bellwether.* TO bellwether_role_operator WITH REPLACE OPTION;

-- Analysts read views, which run with the rights and the row policies of who reads them; so they need the tables, too.
CREATE ROLE IF NOT EXISTS bellwether_role_analyst;
GRANT SELECT ON bellwether.* TO bellwether_role_analyst WITH REPLACE OPTION;

-- bellwether migrate.
CREATE ROLE IF NOT EXISTS bellwether_role_migrator;
GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW, ALTER TABLE, ALTER VIEW, SELECT, INSERT ON bellwether.* TO bellwether_role_migrator WITH REPLACE OPTION;

CREATE QUOTA IF NOT EXISTS bellwether_analyst;
ALTER QUOTA bellwether_analyst KEYED BY user_name
FOR INTERVAL 1 hour MAX queries = 5000, errors = 500, result_rows = 100000000, execution_time = 1800 TO bellwether_role_analyst;

-- Analysts see the series that a policy lets them see. A table with one policy hides its rows from all whom no policy
-- names, so everybody else gets one that hides nothing.
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.observations;
ALTER ROW POLICY bellwether_analyst ON bellwether.observations FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.observations;
ALTER ROW POLICY bellwether_others ON bellwether.observations FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.observation_revisions;
ALTER ROW POLICY bellwether_analyst ON bellwether.observation_revisions FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.observation_revisions;
ALTER ROW POLICY bellwether_others ON bellwether.observation_revisions FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.verdicts;
ALTER ROW POLICY bellwether_analyst ON bellwether.verdicts FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.verdicts;
ALTER ROW POLICY bellwether_others ON bellwether.verdicts FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.quarantine;
ALTER ROW POLICY bellwether_analyst ON bellwether.quarantine FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.quarantine;
ALTER ROW POLICY bellwether_others ON bellwether.quarantine FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.models;
ALTER ROW POLICY bellwether_analyst ON bellwether.models FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.models;
ALTER ROW POLICY bellwether_others ON bellwether.models FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.backtests;
ALTER ROW POLICY bellwether_analyst ON bellwether.backtests FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.backtests;
ALTER ROW POLICY bellwether_others ON bellwether.backtests FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.forecasts;
ALTER ROW POLICY bellwether_analyst ON bellwether.forecasts FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.forecasts;
ALTER ROW POLICY bellwether_others ON bellwether.forecasts FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_analyst ON bellwether.scores;
ALTER ROW POLICY bellwether_analyst ON bellwether.scores FOR SELECT USING series LIKE 'eia.%' AS PERMISSIVE TO bellwether_role_analyst;
CREATE ROW POLICY IF NOT EXISTS bellwether_others ON bellwether.scores;
ALTER ROW POLICY bellwether_others ON bellwether.scores FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT bellwether_role_analyst;

CREATE USER IF NOT EXISTS bellwether_analyst IDENTIFIED WITH sha256_hash BY '53992eeb08f5e0c1c7b78378b1208732733da547920e16780f39b902dc0311b2' SALT 'e8f2d2b4a27bfa79e359e67d6c1a4a6e';
ALTER USER bellwether_analyst IDENTIFIED WITH sha256_hash BY '53992eeb08f5e0c1c7b78378b1208732733da547920e16780f39b902dc0311b2' SALT 'e8f2d2b4a27bfa79e359e67d6c1a4a6e' SETTINGS PROFILE 'bellwether_analyst';
GRANT bellwether_role_analyst TO bellwether_analyst;
ALTER USER bellwether_analyst DEFAULT ROLE bellwether_role_analyst;

CREATE USER IF NOT EXISTS bellwether_forecaster IDENTIFIED WITH sha256_hash BY '9531f694245f58a8f1db59a2a68411a0f168b2ee4376be1e3a98ba46e69fdc76' SALT '8455f7f7d4034559b9df41ff6e8e25b0';
ALTER USER bellwether_forecaster IDENTIFIED WITH sha256_hash BY '9531f694245f58a8f1db59a2a68411a0f168b2ee4376be1e3a98ba46e69fdc76' SALT '8455f7f7d4034559b9df41ff6e8e25b0' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_forecaster TO bellwether_forecaster;
ALTER USER bellwether_forecaster DEFAULT ROLE bellwether_role_forecaster;

CREATE USER IF NOT EXISTS bellwether_ingestor IDENTIFIED WITH sha256_hash BY '58bed6880dcdc5945fc4a0c378c27a467c1c6904fc6194d1b23bac47d3fd3782' SALT '5ead470467104bfc00aadaac226ea96d';
ALTER USER bellwether_ingestor IDENTIFIED WITH sha256_hash BY '58bed6880dcdc5945fc4a0c378c27a467c1c6904fc6194d1b23bac47d3fd3782' SALT '5ead470467104bfc00aadaac226ea96d' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_ingestor TO bellwether_ingestor;
ALTER USER bellwether_ingestor DEFAULT ROLE bellwether_role_ingestor;

CREATE USER IF NOT EXISTS bellwether_migrator IDENTIFIED WITH sha256_hash BY '154d078051b6680037ea79e82401233ae5cca128bcd88e29ba3b708c7f44075b' SALT '410be2bb666d6604ed7524e4ae855096';
ALTER USER bellwether_migrator IDENTIFIED WITH sha256_hash BY '154d078051b6680037ea79e82401233ae5cca128bcd88e29ba3b708c7f44075b' SALT '410be2bb666d6604ed7524e4ae855096' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_migrator TO bellwether_migrator;
ALTER USER bellwether_migrator DEFAULT ROLE bellwether_role_migrator;

CREATE USER IF NOT EXISTS bellwether_monitor IDENTIFIED WITH sha256_hash BY '712511796542e0f6d6d50e0193d855a5d2ec0fcd8a4dd3355566709eca144df2' SALT '380da993d70876dbf267e1eff8795e70';
ALTER USER bellwether_monitor IDENTIFIED WITH sha256_hash BY '712511796542e0f6d6d50e0193d855a5d2ec0fcd8a4dd3355566709eca144df2' SALT '380da993d70876dbf267e1eff8795e70' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_monitor TO bellwether_monitor;
ALTER USER bellwether_monitor DEFAULT ROLE bellwether_role_monitor;

CREATE USER IF NOT EXISTS bellwether_operator IDENTIFIED WITH sha256_hash BY '389c7c67e169de3da66cc1fe15521d207dc1454f5415f667ffd9a3d55fcced8a' SALT 'd57f5858950ac921916c0022dfa2d9d7';
ALTER USER bellwether_operator IDENTIFIED WITH sha256_hash BY '389c7c67e169de3da66cc1fe15521d207dc1454f5415f667ffd9a3d55fcced8a' SALT 'd57f5858950ac921916c0022dfa2d9d7' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_operator TO bellwether_operator;
ALTER USER bellwether_operator DEFAULT ROLE bellwether_role_operator;

CREATE USER IF NOT EXISTS bellwether_trainer IDENTIFIED WITH sha256_hash BY '609c1f1893d2b8b9fb36cd2926cc3cd6576f6f07c21558619a6424aa0766926f' SALT '2047081614e4e46b5227a1bce25d0f8a';
ALTER USER bellwether_trainer IDENTIFIED WITH sha256_hash BY '609c1f1893d2b8b9fb36cd2926cc3cd6576f6f07c21558619a6424aa0766926f' SALT '2047081614e4e46b5227a1bce25d0f8a' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_trainer TO bellwether_trainer;
ALTER USER bellwether_trainer DEFAULT ROLE bellwether_role_trainer;

CREATE USER IF NOT EXISTS bellwether_validator IDENTIFIED WITH sha256_hash BY 'b08d701638a3a517ae34032f6f9214fe3d238cb2000956f8574c1c9d5d78b6c1' SALT '1b4c6b9b97e10191a734d557ca56fe0a';
ALTER USER bellwether_validator IDENTIFIED WITH sha256_hash BY 'b08d701638a3a517ae34032f6f9214fe3d238cb2000956f8574c1c9d5d78b6c1' SALT '1b4c6b9b97e10191a734d557ca56fe0a' SETTINGS PROFILE 'bellwether_service';
GRANT bellwether_role_validator TO bellwether_validator;
ALTER USER bellwether_validator DEFAULT ROLE bellwether_role_validator;
