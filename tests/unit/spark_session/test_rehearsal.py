"""What a session may not differ in from what the JVM was warmed up with."""

from spark_session.rehearsal import read_once


def test_what_a_jvm_reads_once_is_told_from_what_each_session_has_anew() -> None:
    once = {
        "spark.local.dir": "/scratch",
        "spark.sql.codegen.cache.maxEntries": "10",
        "spark.sql.shuffleExchange.maxThreadThreshold": "8",
    }
    assert read_once(once | {"spark.sql.shuffle.partitions": "8", "spark.executor.instances": "2"}) == once
