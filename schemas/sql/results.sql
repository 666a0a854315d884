-- The exported results as a view for DuckDB (1.4): set the variable `export` to the folder first.
--   SET VARIABLE export = '/srv/analytics';
CREATE OR REPLACE VIEW results AS
SELECT * REPLACE (
    acceptedAt::TIMESTAMP AS acceptedAt, startedAt::TIMESTAMP AS startedAt, finishedAt::TIMESTAMP AS finishedAt,
    firstAttemptAt::TIMESTAMP AS firstAttemptAt, modifiedAt::TIMESTAMP AS modifiedAt)
FROM read_json(
    getvariable('export') || '/day=*/tenant_class=*/*.ndjson.zst', format = 'newline_delimited',
    hive_partitioning = true, hive_types_autocast = false,
    columns = {
        partition: 'INTEGER', "offset": 'BIGINT', tenantClass: 'VARCHAR', taskId: 'VARCHAR', generation: 'INTEGER',
        tenant: 'VARCHAR', batch: 'VARCHAR', status: 'VARCHAR', attempts: 'INTEGER', crashes: 'INTEGER', bytes: 'BIGINT',
        sha256: 'VARCHAR', verification: 'VARCHAR', destination: 'VARCHAR', "key": 'VARCHAR',
        failure: 'STRUCT(kind VARCHAR, message VARCHAR, httpStatus INTEGER)', objectMayExist: 'BOOLEAN',
        submittedBy: 'VARCHAR', modifiedAt: 'VARCHAR', mode: 'VARCHAR', sourceRoot: 'VARCHAR', sourcePath: 'VARCHAR',
        contentType: 'VARCHAR', firstAttemptAt: 'VARCHAR', uploadMs: 'BIGINT', waitMs: 'BIGINT', bytesSent: 'BIGINT',
        bytesRepeated: 'BIGINT', bytesResumed: 'BIGINT', wasStored: 'BOOLEAN',
        retries: 'STRUCT(attempt INTEGER, "at" VARCHAR, kind VARCHAR, httpStatus INTEGER)[]', origin: 'VARCHAR',
        replay: 'VARCHAR', trace: 'VARCHAR', workerVersion: 'VARCHAR', worker: 'VARCHAR', acceptedAt: 'VARCHAR',
        startedAt: 'VARCHAR', finishedAt: 'VARCHAR'});
