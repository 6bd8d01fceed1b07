"""libleat as it is installed: the files, and programs of somebody else built against them with pkg-config and CMake."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
from tests.support.leatd import BUILD, TOP, Leatd  # noqa: E402

HELLO = TOP / "client/examples/hello.c"
CMAKE_LISTS = """cmake_minimum_required(VERSION 3.18)
project(hello C)
find_package(leat 0.1 REQUIRED)
add_executable(hello {source})
target_link_libraries(hello {target})
"""

pytestmark = pytest.mark.skipif(
    '"b_sanitize", "value": "none"' not in (BUILD / "meson-info/intro-buildoptions.json").read_text(),
    reason="a sanitizer's run time is not in leat.pc")


def run(*command, **environ):
    done = subprocess.run([str(word) for word in command], env=dict(os.environ, HOME="/proc/nonexistent", **environ),
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module", name="server")
def fixture_server():
    with Leatd() as server:
        yield server


@pytest.fixture(scope="module", name="tree")
def fixture_tree(tmp_path_factory):
    """The root of an installation: `meson install` with DESTDIR."""
    tree = tmp_path_factory.mktemp("installed")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", tree)
    return tree


def find(tree, name):
    (found,) = [path for path in tree.rglob(name) if not path.is_symlink()]
    return found


def pkg_config(tree, *arguments):
    directory = find(tree, "leat.pc").parent
    return run("pkg-config", *arguments, "leat", PKG_CONFIG_PATH=str(directory), PKG_CONFIG_SYSROOT_DIR=str(tree)).split()


def says_hello(program, server, **environ):
    out = run(program, "greetings", LEAT_BOOTSTRAP_SERVERS=server.address, **environ)
    assert "stored in greetings-0 at offset" in out


def needed(program):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", program))


def installed_files(tree):
    """What belongs to libleat, each path without the folders that differ from machine to machine. The pages of single functions
    have a test of their own."""
    files = [path for path in tree.rglob("*") if not path.is_dir()]
    paths = [str(path.relative_to(tree)) for path in files
             if path.suffix != ".3" or not path.read_text().startswith(".so ")]
    paths = [re.sub(r"^.*?/(lib)(64|/[a-z0-9_]+-linux-[a-z]+)?/", r"lib/", path) for path in paths]
    paths = [re.sub(r"^.*?/(bin|include|share)/", r"\1/", path) for path in paths]
    return sorted(path for path in paths if path.startswith(("lib/", "include/", "share/man/man3/")))


def test_files_are_those_of_the_list(tree):
    assert installed_files(tree) == (TOP / "tests/golden/installed.libleat").read_text().split()


def test_every_function_has_a_page(tree):
    """A page, or a file that sources one which names the function; the pages have no warning of the formatter."""
    folder = find(tree, "libleat.3").parent
    functions = [name for name in (TOP / "tests/golden/libleat.symbols").read_text().split() if name.startswith("leat_")]
    pages = set()
    for name in functions:
        text = (folder / f"{name}.3").read_text()
        source = re.fullmatch(r"\.so man3/(\w+)\.3\n", text)
        page = source.group(1) if source else name
        assert re.search(rf"^\.Nm {name}\b", (folder / f"{page}.3").read_text(), re.M), f"{page}.3 does not name {name}"
        pages.add(f"{page}.3")
    made = {path.name for path in folder.glob("*.3") if not path.read_text().startswith(".so ")}
    assert pages | {"leat_admin.3"} == made
    run("mandoc", "-Tlint", "-Wwarning", *[folder / page for page in sorted(made)])


def test_pages_say_what_the_header_says(tree):
    text = run("mandoc", "-Tascii", "-Owidth=400", find(tree, "leat_producer.3"))
    text = re.sub(r".\x08", "", text)
    assert "LEAT_E2BIG (larger than max.request.size)" in text
    assert "int\n     leat_send(struct leat_producer *p, const struct leat_record *rec, leat_delivery_cb cb, void *arg);" in text
    assert "linger.ms (5)" in re.sub(r".\x08", "", run("mandoc", "-Tascii", find(tree, "leat_conf.3")))


@pytest.mark.parametrize("header", ["leat/leat.h", "leat/err.h"])
@pytest.mark.parametrize("compiler", ["cc -std=c17 -x c", "c++ -std=c++17 -x c++"])
def test_installed_header_compiles_alone(tree, header, compiler, tmp_path):
    source = tmp_path / "alone"
    source.write_text(f"#include <{header}>\n#include <{header}>\n")
    run(*compiler.split(), "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", *pkg_config(tree, "--cflags"), source)


def test_hello_with_pkg_config(tree, tmp_path, server):
    run("cc", "-std=c17", "-o", tmp_path / "hello", HELLO, *pkg_config(tree, "--cflags", "--libs"))
    assert "libleat.so.0" in needed(tmp_path / "hello")
    says_hello(tmp_path / "hello", server, LD_LIBRARY_PATH=str(find(tree, "libleat.a").parent))


def test_hello_as_cxx(tree, tmp_path, server):
    run("c++", "-std=c++17", "-x", "c++", HELLO, "-x", "none", "-o", tmp_path / "hello",
        *pkg_config(tree, "--cflags", "--libs"))
    says_hello(tmp_path / "hello", server, LD_LIBRARY_PATH=str(find(tree, "libleat.a").parent))


def test_hello_static_with_pkg_config(tree, tmp_path, server):
    """`pkg-config --static` names everything that libleat.a needs, and in an order that links."""
    only = tmp_path / "lib"
    only.mkdir()
    shutil.copy(find(tree, "libleat.a"), only)
    run("cc", "-std=c17", "-o", tmp_path / "hello", HELLO, f"-L{only}", *[
        word for word in pkg_config(tree, "--static", "--cflags", "--libs") if not word.startswith(f"-L{tree}")])
    assert "libleat.so.0" not in needed(tmp_path / "hello")
    says_hello(tmp_path / "hello", server)


@pytest.mark.parametrize("target", ["leat::leat", "leat::leat_static"])
def test_five_lines_of_cmake(tree, tmp_path, server, target):
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_LISTS.format(source=HELLO, target=target))
    prefix = find(tree, "leat.h").parents[2]
    run("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    assert ("libleat.so.0" in needed(tmp_path / "build/hello")) == (target == "leat::leat")
    says_hello(tmp_path / "build/hello", server)


def test_other_version_is_not_found_by_cmake(tree, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        CMAKE_LISTS.format(source=HELLO, target="leat::leat").replace("leat 0.1", "leat 0.2"))
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build",
                           f"-DCMAKE_PREFIX_PATH={find(tree, 'leat.h').parents[2]}"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and 'requested version "0.2"' in " ".join(done.stderr.split())
