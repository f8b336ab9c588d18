"""The versioned store of Specs: a bare git repository with one branch per name and one tag per version.

Written with dulwich, so that no git needs to be installed; any git can clone it. A branch moves by compare-and-set
under a lock of ours: versions are consecutive, and a killed writer leaves at most objects that nothing refers to.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shutil
import stat
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository, WrongObjectException
from dulwich.file import FileLocked
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo

from ..errors import Conflict, Corrupt, NotFound, Unavailable

#: what dulwich raises for files that are not what they should be
GitError = (NotGitRepository, FileFormatException, ChecksumMismatch, WrongObjectException)
_VERSION_LINE = "Dsp-Version: "


@dataclass(frozen=True, slots=True)
class SpecCommit:
    """One version of one Spec."""

    name: str
    version: int
    commit: str
    message: str
    author: str
    created_at_s: float


class SpecRepository:
    """All Specs of one home. Safe from any thread and process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def _open(self) -> Iterator[Repo]:
        """The repository, made where there is none. Damage that shows while it is read becomes Corrupt."""
        try:
            if not (self._folder / "HEAD").exists():
                self._make()
            repo = Repo(str(self._folder))
        except (OSError, *GitError) as error:
            raise Unavailable(
                f"The repository of Specs cannot be opened: {_reason(error)}.",
                hint=f"Look at {self._folder} with git fsck.",
            ) from error
        try:
            yield repo
        except FileLocked as error:
            raise Conflict("Another program is writing to the repository of Specs.", hint="Try it again.") from error
        except (KeyError, AssertionError, ValueError, zlib.error, *GitError) as error:
            raise Corrupt(
                f"The repository of Specs is damaged: {_reason(error)}.",
                hint=f"git -C {self._folder} fsck says what is missing; a clone of it may have it.",
            ) from error
        except OSError as error:
            raise Unavailable(
                f"The repository of Specs cannot be used: {_reason(error)}.",
                hint=f"Is the disk full, or {self._folder} not yours?",
            ) from error
        finally:
            repo.close()

    def _make(self) -> None:
        with self._locked():
            if (self._folder / "HEAD").exists():
                return
            # made aside and renamed, so that nobody sees half of it; we hold the lock: what lies there was killed
            for stale in self._folder.parent.glob(f".{self._folder.name}.new.*"):
                shutil.rmtree(stale, ignore_errors=True)
            temporary = self._folder.with_name(f".{self._folder.name}.new.{os.getpid()}")
            temporary.mkdir(mode=0o700)
            Repo.init_bare(str(temporary)).close()
            os.rename(temporary, self._folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the kernel frees the lock of a killed one."""
        path = self._folder.with_name(f"{self._folder.name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _swept(self) -> Iterator[None]:
        """Without lock files that a killed writer left: they would keep each object and branch that they stand for.

        Called with the lock of all writers held. A mark says that somebody is writing; who finds one sweeps.
        """
        mark = self._folder / "dsp-writing"
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            for stale in self._folder.rglob("*.lock"):
                stale.unlink(missing_ok=True)
        yield
        mark.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Every branch there is, sorted; whoever may push can add some that are no Specs."""
        with self._open() as repo:
            return sorted(ref.decode("utf-8", "replace") for ref in repo.refs.subkeys(b"refs/heads/"))

    def head(self, name: str) -> SpecCommit | None:
        """The newest version, or None."""
        with self._open() as repo:
            return self._head(repo, name)

    def commit(
        self, name: str, files: Mapping[str, bytes], message: str, author: str, *, expect: int | None = None
    ) -> SpecCommit:
        """The next version of ``name``: exactly these files (paths with "/").

        expect: demand that this is the newest version now (0: that there is none). Raises Conflict otherwise.
        """
        with self._open() as repo, self._locked(), self._swept():
            repo.object_store.fsync_object_files = True  # what was acknowledged survives a power cut
            head = self._head(repo, name)
            newest = head.version if head else 0
            if expect is not None and expect != newest:
                raise Conflict(
                    f"'{name}' is at version {newest} now, not {expect}.",
                    hint="Look at what changed, then export again.",
                    newest=newest,
                )
            version = newest + 1
            commit = Commit()
            commit.tree = self._add_tree(repo, files)
            commit.parents = [head.commit.encode()] if head else []
            author = _clean(author)
            commit.author = commit.committer = f"{author} <{author}@localhost>".encode("utf-8", "replace")
            now = int(time.time())
            commit.author_time = commit.commit_time = now
            commit.author_timezone = commit.commit_timezone = 0
            commit.encoding = b"UTF-8"
            text = message.strip() or f"{name} version {version}"
            commit.message = f"{text}\n\n{_VERSION_LINE}{version}\n".encode("utf-8", "replace")
            repo.object_store.add_object(commit)
            branch = f"refs/heads/{name}"
            old = head.commit.encode() if head else None
            if not repo.refs.set_if_equals(branch.encode(), old, commit.id):
                raise Conflict(f"Somebody else exported '{name}' at the same moment.", hint="Export again.")
            # the branch is the truth; the tags are for people and CI servers. A killed writer may have left out one
            repo.refs[_tag(name, version)] = commit.id
            if head and _tag(name, newest) not in repo.refs:
                repo.refs[_tag(name, newest)] = head.commit.encode()
            self._point_head(repo, branch)
            return self._describe(repo, name, commit.id)

    def push(self, name: str, remote: str) -> None:
        """Bring the branch and the tags of ``name`` to another repository, with all versions that it lacks.

        remote: any git URL or path. Raises Unavailable where it cannot be reached or refuses; nothing is lost then.
        """
        from dulwich import porcelain

        refs = [f"refs/heads/{name}", *(f"refs/tags/{name}/v{each.version}" for each in self.versions(name))]
        with self._open() as repo:
            specs = [f"{ref}:{ref}".encode() for ref in refs if ref.encode() in repo.refs]
            try:
                porcelain.push(repo, remote, specs, outstream=io.BytesIO(), errstream=io.BytesIO())
            except Exception as error:  # what a transport may raise is listed nowhere
                raise Unavailable(
                    f"'{name}' is exported here, but could not be pushed: {' '.join(str(error).split())[:300]}.",
                    hint="Check the setting specs_remote; the next export pushes this version too.",
                ) from error

    def read(self, name: str, version: int) -> tuple[SpecCommit, dict[str, bytes]]:
        """One version and its files. Raises NotFound, Corrupt."""
        with self._open() as repo:
            found = self._find(repo, name, version)
            commit = repo[found.commit.encode()]
            assert isinstance(commit, Commit)
            return found, dict(_walk(repo, commit.tree, ""))

    def versions(self, name: str, newer_than: int = 0) -> list[SpecCommit]:
        """Versions above ``newer_than``, oldest first."""
        with self._open() as repo:
            found: list[SpecCommit] = []
            at = self._head(repo, name)
            while at is not None and at.version > newer_than:
                found.append(at)
                at = self._parent(repo, at)
            return found[::-1]

    def _find(self, repo: Repo, name: str, version: int) -> SpecCommit:
        at = self._head(repo, name)
        if at is not None and at.version > version and _tag(name, version) in repo.refs:
            # the short way; only where the tag was not moved by hand
            tagged = self._describe(repo, name, repo.refs[_tag(name, version)])
            at = tagged if tagged.version == version else at
        while at is not None and at.version > version:
            at = self._parent(repo, at)
        if at is None or at.version != version:
            raise NotFound.of("version", f"{version} of the Spec {name}", "'dsp model specs' lists what there is.")
        return at

    def _head(self, repo: Repo, name: str) -> SpecCommit | None:
        try:
            digest = repo.refs[f"refs/heads/{name}".encode()]
        except KeyError:
            return None
        return self._describe(repo, name, digest)

    def _parent(self, repo: Repo, at: SpecCommit) -> SpecCommit | None:
        commit = repo[at.commit.encode()]
        assert isinstance(commit, Commit)
        return self._describe(repo, at.name, commit.parents[0]) if commit.parents else None

    def _describe(self, repo: Repo, name: str, digest: bytes) -> SpecCommit:
        commit = repo[digest]
        assert isinstance(commit, Commit)
        text = commit.message.decode("utf-8", "replace")
        body, _, number = text.rpartition(_VERSION_LINE)
        if not number.strip().isdigit():
            raise Corrupt(
                f"The branch '{name}' of the Spec repository ends in a commit that is no export.",
                hint="Somebody pushed to it; move the branch back to the last tag.",
            )
        author = commit.author.decode("utf-8", "replace").split(" <")[0]
        return SpecCommit(name, int(number), digest.decode(), body.strip(), author, float(commit.commit_time))

    def _add_tree(self, repo: Repo, files: Mapping[str, bytes]) -> bytes:
        folders: dict[str, dict[str, bytes]] = {}
        tree = Tree()
        for path, content in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(first, {})[rest] = content
            else:
                blob = Blob.from_string(content)
                repo.object_store.add_object(blob)
                tree.add(first.encode(), stat.S_IFREG | 0o644, blob.id)
        for folder, inside in folders.items():
            tree.add(folder.encode(), stat.S_IFDIR, self._add_tree(repo, inside))
        repo.object_store.add_object(tree)
        digest: bytes = tree.id
        return digest

    def _point_head(self, repo: Repo, branch: str) -> None:
        """HEAD names a branch that exists, so that a plain ``git clone`` checks something out."""
        chain, digest = repo.refs.follow(b"HEAD")
        if digest is None and len(chain) > 1:
            repo.refs.set_symbolic_ref(b"HEAD", branch.encode())


def _tag(name: str, version: int) -> bytes:
    return f"refs/tags/{name}/v{version}".encode()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    return f"{type(error).__name__} {text.splitlines()[0][:200] if text else ''}".strip()


def _walk(repo: Repo, tree_id: bytes, prefix: str) -> Iterator[tuple[str, bytes]]:
    tree = repo[tree_id]
    assert isinstance(tree, Tree)
    for entry in tree.items():
        path = f"{prefix}{entry.path.decode()}"
        if stat.S_ISDIR(entry.mode):
            yield from _walk(repo, entry.sha, f"{path}/")
        else:
            yield path, repo[entry.sha].as_raw_string()


def _clean(text: str) -> str:
    return "".join(character for character in text if character not in "<>\n\r\0").strip() or "unknown"
