import subprocess
import sys


def test_importing_starts_and_loads_nothing_of_spark() -> None:
    code = "import sys, spark_session; print([name for name in ('pyspark', 'py4j', 'pandas') if name in sys.modules])"
    path = next(path for path in sys.path if path.endswith("spark_session/src"))
    result = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
