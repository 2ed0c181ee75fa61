"""Jars of applications of the JVM, compiled where they are tested: every Java of Debian brings its compiler along, if not the program of that name."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

COMPILER = "jdk.compiler/com.sun.tools.javac.Main"

APPLICATION = """
package com.example;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.logging.log4j.LogManager;
import org.apache.spark.sql.SparkSession;

public class Main {
    public static void main(String[] arguments) throws Exception {
        String what = arguments.length > 0 ? arguments[0] : "count";
        if (what.equals("exit")) System.exit(Integer.parseInt(arguments[1]));
        if (what.equals("throw")) throw new IllegalStateException("no such day");
        if (what.equals("hold")) {
            // Beside the heap and in it: more than a pod of 512 MiB has, and less than each of the two may hold.
            List<Object> held = new ArrayList<>();
            for (int i = 0; i < 235; i++) held.add(ByteBuffer.allocateDirect(1 << 20));
            for (int i = 0; i < 160; i++) held.add(new byte[1 << 20]);
            System.out.println("held " + held.size());
        }
        if (what.equals("sleep")) { System.out.println("begins"); Thread.sleep(600_000); }
        SparkSession spark = SparkSession.builder().getOrCreate();
        System.out.println("counted " + spark.range(1000).repartition(4).count() + " " + Arrays.toString(arguments));
        if (what.equals("setting")) {
            for (String name : Arrays.copyOfRange(arguments, 1, arguments.length)) System.out.println(name + " " + spark.conf().get(name, "-"));
            System.out.println("refusals " + LogManager.getLogger("org.apache.spark.scheduler.cluster.k8s.ExecutorPodsAllocator").getLevel());
        }
        if (what.equals("helper")) System.out.println(Class.forName("com.example.Helper").getField("WORDS").get(null));
        if (what.equals("write")) {
            spark.range(10).write().mode("overwrite").parquet(arguments[1]);
            System.out.println("read " + spark.read().parquet(arguments[1]).count());
        }
    }
}
"""
"""An application that does what its first argument says."""

HELPER = 'package com.example; public class Helper { public static final String WORDS = "of another jar"; }'


def jar(entries: Mapping[str, bytes], main_class: str | None = None, manifest: str | None = None) -> bytes:
    """A jar of these files; main_class is for its manifest, unless that is given."""
    text = manifest or ("Manifest-Version: 1.0\r\n" + (f"Main-Class: {main_class}\r\n" if main_class else "") + "\r\n")
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", text)
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def compiled(
    folder: Path, name: str, source: str, class_path: str, java: Sequence[str] = ("java",)
) -> dict[str, bytes]:
    """The class files of a Java source, by their names in a jar.

    Args:
        folder: an empty folder.
        name: of the public class.
        source: its text.
        class_path: what it is compiled against.
        java: the program, with options.
    """
    file = folder / f"{name}.java"
    file.write_text(source)
    subprocess.run([*java, "-m", COMPILER, "-cp", class_path, "-d", str(folder / "classes"), str(file)], check=True)
    classes = folder / "classes"
    return {path.relative_to(classes).as_posix(): path.read_bytes() for path in classes.rglob("*.class")}
