"""What licences are called, and which are allowed."""

import pytest

from dev.supply import known
from dev.supply.licence_texts import recognised
from dev.supply.licences import ALLOWED, NAMES, expression, is_allowed, refused, verdict
from dev.supply.package import DEBIAN, MAVEN, NPM, PYTHON, Package

MIT = """
Copyright (c) 2020 Ada

Permission is hereby granted, free of charge, to any person obtaining a
copy of this software, subject to the following conditions:
 * The above copyright notice and this permission
 * notice shall be included in all copies.
"""
BSD = """// Redistribution and use in source and binary forms, with or without
// modification, are permitted:
// * Redistributions in binary form must reproduce the above copyright notice.
"""
ENDORSE = "// * Neither the name may be used to endorse or promote products derived from this software.\n"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (["MIT"], "MIT"),
        (["mit"], "MIT"),
        (["MIT License"], "MIT"),
        (["The Apache Software License, Version 2.0"], "Apache-2.0"),
        (["https://www.apache.org/licenses/LICENSE-2.0.txt"], "Apache-2.0"),
        (["http://www.apache.org/licenses/LICENSE-2.0"], "Apache-2.0"),
        (["(MIT OR CC0-1.0)"], "MIT OR CC0-1.0"),
        (["EPL 2.0", "GPL2 w/ CPE"], "EPL-2.0 OR GPL-2.0-only WITH Classpath-exception-2.0"),
        (["MIT License", "mit"], "MIT"),
        (["CDDL + GPLv2 with classpath exception"], "CDDL-1.1 OR GPL-2.0-only WITH Classpath-exception-2.0"),
        ([], ""),
        (["BSD License"], ""),
        (["SEE LICENSE IN LICENSE.md"], ""),
        (["UNLICENSED"], ""),
        (["https://example.org/licence"], ""),
        (["MIT", "a licence that nobody knows"], ""),
    ],
)
def test_what_authors_write_becomes_an_expression_or_is_unknown(stated: list[str], expected: str) -> None:
    assert expression(stated) == expected


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND BSD-3-Clause", True),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0-or-later OR Artistic-1.0-Perl", True),
        ("(EPL-2.0 OR GPL-2.0-only WITH Classpath-exception-2.0) AND Apache-2.0", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("(MIT OR GPL-2.0-only) AND AGPL-3.0-only", False),
    ],
)
def test_an_expression_is_allowed_if_allowed_licences_meet_it(text: str, allowed: bool) -> None:
    assert is_allowed(text) is allowed


def test_a_licence_that_is_not_on_the_list_is_refused_wherever_it_is_bundled() -> None:
    inner = Package(MAVEN, "inner", "1", "org.example", ("AGPL-3.0-only",))
    packages = [
        Package(MAVEN, "outer", "1", "org.example", ("MIT",), bundled=(inner,)),
        Package(PYTHON, "silent", "1"),
        Package(NPM, "fine", "1", licences=("ISC",)),
    ]
    assert [(package.name, found.expression) for package, found in refused(packages)] == [
        ("inner", "AGPL-3.0-only"),
        ("silent", ""),
    ]


def test_debian_packages_are_allowed_by_the_part_of_the_archive_that_they_are_from() -> None:
    def judged(area: str, *licences: str) -> bool:
        package = Package(DEBIAN, "p", "1", "debian", licences, properties={"debian:area": area})
        return verdict(package).allowed

    assert judged("main", "GPL-3+")
    assert not judged("non-free", "GPL-3+")
    assert not judged("main")


def test_the_table_speaks_for_packages_that_say_nothing_or_something_else() -> None:
    assert verdict(Package(NPM, "khroma", "9")).expression == "MIT"
    assert known.maven_group("fastparse_2.13") == "com.lihaoyi"
    assert known.licence_of_parent("org.apache.spark") == "Apache-2.0"
    assert known.licence_of_parent("org.apachelike") is None


def test_every_name_of_the_tables_is_spdx() -> None:
    stated = {*NAMES.values(), *ALLOWED, *known.TABLE["maven"]["parents"].values()}
    stated |= {text for kind in known.TABLE.values() for text in kind.get("licences", {}).values()}
    assert [text for text in sorted(stated) if not expression([text])] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT, "MIT"),
        (BSD, "BSD-2-Clause"),
        (BSD + ENDORSE, "BSD-3-Clause"),
        (BSD + ENDORSE + "All advertising materials must display", None),
        ("# Apache License\n Version 2.0, January 2004 ... Grant of Patent License", "Apache-2.0"),
        ("Mozilla Public License, version 2.0 ... Covered Software", "MPL-2.0"),
        ("All rights reserved.", None),
        ("", None),
    ],
)
def test_texts_of_licences_are_recognised(text: str, expected: str | None) -> None:
    assert recognised(text) == expected
