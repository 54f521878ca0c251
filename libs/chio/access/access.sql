-- Users, roles, settings profiles, quotas and row policies, for a ClickHouse server; the embedded store has none of these.
-- The user who runs this needs ACCESS MANAGEMENT and, with GRANT OPTION, what is granted here. Every statement can be
-- repeated: a run leaves the roles with exactly the grants below, whatever they had before.

-- Services wait for their store; they must not wait for ever, nor take all of its memory.
CREATE SETTINGS PROFILE IF NOT EXISTS {{.Database}}_service{{.OnCluster}};
ALTER SETTINGS PROFILE {{.Database}}_service{{.OnCluster}}
SETTINGS max_execution_time = 120 MIN 1 MAX 600, max_memory_usage = 8000000000 MIN 1 MAX 8000000000, async_insert = 0;

-- readonly = 2 lets clients say how a query is run, as clickhouse-go and Grafana do; the constraints bound what they say.
CREATE SETTINGS PROFILE IF NOT EXISTS {{.Database}}_analyst{{.OnCluster}};
ALTER SETTINGS PROFILE {{.Database}}_analyst{{.OnCluster}}
SETTINGS readonly = 2, allow_ddl = 0 CONST, max_execution_time = 60 MIN 1 MAX 300, max_memory_usage = 1000000000 MIN 1 MAX 1000000000,
    max_result_rows = 10000000 MIN 1 MAX 10000000, result_overflow_mode = 'throw' CONST, max_threads = 2 MIN 1 MAX 4,
    max_concurrent_queries_for_user = 8 CONST;

-- A table has one writer. It may insert and nothing else: rows are never changed in place.
{{- range .Services}}
CREATE ROLE IF NOT EXISTS {{$.Role .Name}}{{$.OnCluster}};
GRANT{{$.OnCluster}} INSERT ON {{$.Database}}.{{index .Writes 0}} TO {{$.Role .Name}} WITH REPLACE OPTION;
{{- $service := .}}
{{- range slice .Writes 1}}
GRANT{{$.OnCluster}} INSERT ON {{$.Database}}.{{.}} TO {{$.Role $service.Name}};
{{- end}}
{{- range .Reads}}
GRANT{{$.OnCluster}} SELECT ON {{$.Database}}.{{.}} TO {{$.Role $service.Name}};
{{- end}}
{{- end}}

-- The monitor also watches the room on the store's disks.
GRANT{{.OnCluster}} SELECT ON system.disks TO {{.Role "monitor"}};

-- Operators: bellwether status, alerts and sql.
CREATE ROLE IF NOT EXISTS {{.Role "operator"}}{{.OnCluster}};
GRANT{{.OnCluster}} SELECT ON {{.Database}}.* TO {{.Role "operator"}} WITH REPLACE OPTION;

-- Analysts read views, which run with the rights and the row policies of who reads them; so they need the tables, too.
CREATE ROLE IF NOT EXISTS {{.Role "analyst"}}{{.OnCluster}};
GRANT{{.OnCluster}} SELECT ON {{.Database}}.* TO {{.Role "analyst"}} WITH REPLACE OPTION;

-- bellwether migrate.
CREATE ROLE IF NOT EXISTS {{.Role "migrator"}}{{.OnCluster}};
GRANT{{.OnCluster}} CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW, ALTER TABLE, ALTER VIEW, SELECT, INSERT ON {{.Database}}.* TO {{.Role "migrator"}} WITH REPLACE OPTION;
{{- if .Cluster}}
GRANT{{.OnCluster}} CLUSTER ON *.* TO {{.Role "migrator"}};
{{- end}}

CREATE QUOTA IF NOT EXISTS {{.Database}}_analyst{{.OnCluster}};
ALTER QUOTA {{.Database}}_analyst{{.OnCluster}} KEYED BY user_name
FOR INTERVAL 1 hour MAX queries = 5000, errors = 500, result_rows = 100000000, execution_time = 1800 TO {{.Role "analyst"}};

-- Analysts see the series that a policy lets them see. A table with one policy hides its rows from all whom no policy
-- names, so everybody else gets one that hides nothing.
{{- range .SeriesTables}}
CREATE ROW POLICY IF NOT EXISTS {{$.Database}}_analyst{{$.OnCluster}} ON {{$.Database}}.{{.}};
ALTER ROW POLICY {{$.Database}}_analyst{{$.OnCluster}} ON {{$.Database}}.{{.}} FOR SELECT USING series LIKE {{$.AnalystSeries}} AS PERMISSIVE TO {{$.Role "analyst"}};
CREATE ROW POLICY IF NOT EXISTS {{$.Database}}_others{{$.OnCluster}} ON {{$.Database}}.{{.}};
ALTER ROW POLICY {{$.Database}}_others{{$.OnCluster}} ON {{$.Database}}.{{.}} FOR SELECT USING 1 AS PERMISSIVE TO ALL EXCEPT {{$.Role "analyst"}};
{{- end}}
{{- range .Users}}

CREATE USER IF NOT EXISTS {{$.User .Name}}{{$.OnCluster}} IDENTIFIED WITH sha256_hash BY '{{.Hash}}' SALT '{{.Salt}}';
ALTER USER {{$.User .Name}}{{$.OnCluster}} IDENTIFIED WITH sha256_hash BY '{{.Hash}}' SALT '{{.Salt}}' SETTINGS PROFILE '{{$.Database}}_{{.Profile}}';
GRANT{{$.OnCluster}} {{$.Role .Name}} TO {{$.User .Name}};
ALTER USER {{$.User .Name}}{{$.OnCluster}} DEFAULT ROLE {{$.Role .Name}};
{{- end}}
