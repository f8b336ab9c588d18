"""What the calls of several cells do together: which names a cell changes, and which names may be the same object.

Functions of the notebook are judged by their bodies, everything else by ``known_calls``.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from . import known_calls as known
from .flows import CellFlow, Scope
from .sharing import Share, Site


@dataclass(slots=True)
class Summary:
    """What calling a function of the notebook does."""

    changed_params: set[str] = field(default_factory=set)
    changed_globals: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)

    def size(self) -> int:
        return len(self.changed_params) + len(self.changed_globals) + len(self.returned)


class _Groups:
    """Union-find over names."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, name: str) -> str:
        while self.parent.get(name, name) != name:
            name = self.parent[name]
        return name

    def unite(self, names: Iterable[str]) -> None:
        first: str | None = None
        for name in names:
            root = self.find(name)
            self.parent.setdefault(root, root)
            if first is None:
                first = root
            self.parent[root] = first

    def widen(self, names: set[str]) -> set[str]:
        roots = {self.find(name) for name in names}
        return names | {name for name in self.parent if self.find(name) in roots}


class Program:
    """The cells up to and with the target, as one program."""

    def __init__(self, flows: Sequence[CellFlow]) -> None:
        self.flows = flows
        self.imports = {name: dotted for flow in flows for name, dotted in flow.imports.items()}
        self.functions = _merged(flow.functions for flow in flows)
        self.methods = _merged(flow.methods for flow in flows)
        self.classes = _merged(flow.classes for flow in flows)
        self.made_by: dict[str, set[str]] = {}
        for flow in flows:
            for name, makers in flow.made_by.items():
                self.made_by.setdefault(name, set()).update(makers)
        self.immutable = self._immutable()
        self.summaries: dict[int, Summary] = {}
        self._summarise()
        self.iterators = {name for name, makers in self.made_by.items() if any(map(self._makes_iterator, makers))}
        self._groups = _Groups()
        for flow in flows:
            self._link(flow.scope, self._groups)
        for name in [*self.functions, *self.classes]:
            changed = self._changed_by_loading(name)
            if changed:
                self._groups.unite([name, *sorted(changed)])

    def group(self, name: str) -> str:
        """The same word for names that may refer to one object, or to parts of it."""
        return name if self._is_apart(name) else self._groups.find(name)

    def changed(self, flow: CellFlow) -> set[str]:
        """Names whose objects the cell may change."""
        names = self._changed_in(flow.scope)
        for name in flow.scope.loads:
            names |= self._changed_by_loading(name)
            if name in self.iterators:
                names.add(name)
        return {name for name in names if name not in self.immutable and name not in self.imports}

    def settings(self, flow: CellFlow) -> list[tuple[str, int]]:
        """(dotted name, line) of what the cell sets for the whole process: seeds, environment, module attributes."""
        found = []
        for site in flow.scope.sites:
            dotted = self._module_call(site)
            if dotted and site.is_bare and known.is_setting(dotted):
                found.append((dotted, site.line))
        for path, _, line in flow.scope.stores:
            root, _, rest = path.partition(".")
            if root in self.imports:
                dotted = f"{self.imports[root]}.{rest}".rstrip(".")
                if not known.is_harmless(dotted):
                    found.append((dotted, line))
        if flow.future_line is not None:
            found.append(("__future__", flow.future_line))
        return found

    def is_only(self, flow: CellFlow, roots: Iterable[str]) -> bool:
        """Whether every call of the cell goes to these modules or builtins, and something is called."""
        wanted = set(roots)
        first = {(self._module_call(s) or s.callee).split(".")[0] for s in flow.scope.sites if s.is_bare}
        return bool(first) and first <= wanted

    # what is known of names

    def _is_apart(self, name: str) -> bool:
        return name in self.immutable or name in self.imports

    def _immutable(self) -> set[str]:
        values: dict[str, list[frozenset[str] | None]] = {}
        for flow in self.flows:
            for name, kinds in flow.values.items():
                values.setdefault(name, []).extend(kinds)
        found = {name for name, kinds in values.items() if None not in kinds}
        while True:
            left = {name for name in found if all(kind is not None and kind <= found for kind in values[name])}
            if left == found:
                return found - set(self.imports)
            found = left

    def _makes_iterator(self, maker: str) -> bool:
        scopes = self.functions.get(maker, [])
        return maker in known.ITERATORS or any(scope.is_generator for scope in scopes)

    def _changed_by_loading(self, name: str) -> set[str]:
        """Whoever has the function may call it, and so change what its body changes."""
        scopes = [*self.functions.get(name, []), *self.classes.get(name, [])]
        return {each for scope in scopes for each in self.summaries[id(scope)].changed_globals}

    # functions of the notebook

    def _scopes(self) -> list[Scope]:
        tables = (self.functions, self.methods)
        return [scope for table in tables for scopes in table.values() for scope in scopes]

    def _summarise(self) -> None:
        scopes = self._scopes()
        for scope in scopes:
            self.summaries[id(scope)] = Summary()
        size = -1
        while size != (size := sum(each.size() for each in self.summaries.values())):
            for scope in scopes:
                self._summarise_one(scope)

    def _summarise_one(self, scope: Scope) -> None:
        summary = self.summaries[id(scope)]
        groups = _Groups()
        self._link(scope, groups)
        changed = self._changed_in(scope)
        for name in scope.loads - {scope.name}:
            changed |= self._changed_by_loading(name)
        changed = groups.widen(changed)
        returned = groups.widen({name for each in scope.returns for name in self._held(each)})
        params = set(scope.params)
        inner = scope.locals - scope.global_names
        summary.changed_params |= changed & params
        summary.changed_globals |= {n for n in changed - params - inner if n not in self.imports} | scope.global_names
        if summary.changed_params & scope.mutable_defaults:
            summary.changed_globals.add(scope.name)
        summary.returned |= {n for n in returned - inner if n not in self.imports}
        if scope.has_inner and changed:
            # a closure that is handed out may change this later
            summary.returned |= (changed & params) | summary.changed_globals

    def _called(self, site: Site) -> list[tuple[Scope, bool]]:
        """Functions of the notebook that this may call; the flag says that the first parameter is the receiver."""
        if site.callee and "." not in site.callee:
            found = [(scope, False) for scope in self.functions.get(site.callee, [])]
            if site.callee in self.classes:
                own = [s for s in self.classes[site.callee] if s.name in {"__init__", "__new__", "__post_init__"}]
                found += [(scope, True) for scope in own]
            if site.callee in self.made_by or not found:
                found += [(scope, True) for scope in self.methods.get("__call__", [])]
            return found
        if self._module_call(site):
            return []
        return [(scope, True) for scope in self.methods.get(site.last, [])]

    def _bind(self, site: Site, scope: Scope, wanted: set[str], *, is_method: bool) -> set[str]:
        """Names at the call that stand for these parameters."""
        names: set[str] = set()
        if is_method and scope.params and scope.params[0] in wanted:
            names |= self._held(site.receiver)
        shift = 1 if is_method else 0
        for key, share in site.args:
            if isinstance(key, int) and key + shift < len(scope.params):
                is_meant = scope.params[key + shift] in wanted or scope.params[-1] in wanted
            else:
                is_meant = isinstance(key, int) or key in ("*", "**") or key in wanted or scope.params[-1:] == (key,)
            if is_meant or (isinstance(key, str) and key not in scope.params):
                names |= self._held(share)
        return names

    # calls

    def _module_call(self, site: Site) -> str:
        """'numpy.random.shuffle' where the call goes to an imported module or function, else ''."""
        root, _, rest = site.callee.partition(".")
        if not root or root not in self.imports:
            return ""
        return f"{self.imports[root]}.{rest}".rstrip(".")

    def _arguments(self, site: Site) -> set[str]:
        return {name for _, share in site.args for name in self._held(share)}

    def _changed_in(self, scope: Scope) -> set[str]:
        names: set[str] = set()
        for site in scope.sites:
            names |= self._changed_by(site)
        for path, share, _ in scope.stores:
            if path.split(".")[0] not in self.imports or not path:
                names |= self._held(share)
        return names

    def _changed_by(self, site: Site) -> set[str]:
        names: set[str] = {n for key, share in site.args if key == "out" for n in self._held(share)}
        for _, share in site.args:
            for name in share:
                # a function that is passed on may be called with whatever else is passed
                if isinstance(name, str) and any(
                    self.summaries[id(scope)].changed_params for scope in self.functions.get(name, [])
                ):
                    names |= self._arguments(site) | self._held(site.receiver)
        scopes = self._called(site)
        for scope, is_method in scopes:
            summary = self.summaries[id(scope)]
            names |= summary.changed_globals
            names |= self._bind(site, scope, summary.changed_params, is_method=is_method)
        dotted = self._module_call(site)
        if dotted:
            if site.last in known.MUTATING_FUNCTIONS or (site.is_bare and self._may_change_arguments(site, dotted)):
                names |= self._arguments(site)
        elif "." not in site.callee and site.callee:
            names |= self._changed_by_name(site, has_body=bool(scopes))
        else:
            names |= self._changed_by_method(site, has_body=bool(scopes))
        return names

    def _may_change_arguments(self, site: Site, dotted: str) -> bool:
        return not known.is_harmless(dotted) and site.last not in known.PURE_METHODS and not known.is_setting(dotted)

    def _changed_by_name(self, site: Site, *, has_body: bool) -> set[str]:
        if site.callee in known.MUTATING_FUNCTIONS:
            return self._arguments(site)
        if site.callee in self.functions or site.callee in self.classes:
            return set()
        if site.callee in known.PURE_BUILTINS and hasattr(builtins, site.callee):
            return set()
        if site.callee == "display":
            return set()
        is_closure = any(
            scope.has_inner for maker in self.made_by.get(site.callee, ()) for scope in self.functions.get(maker, [])
        )
        if is_closure:
            return {site.callee} | self._arguments(site)
        return {site.callee} | self._arguments(site) if site.is_bare and not has_body else set()

    def _changed_by_method(self, site: Site, *, has_body: bool) -> set[str]:
        receiver = self._held(site.receiver)
        callbacks = {n for key, share in site.args if key == "callbacks" for n in self._held(share)}
        if known.changes_object(site.last) or site.is_inplace:
            return receiver | callbacks
        if not site.is_bare or has_body or site.last in known.PURE_METHODS:
            return set()
        if site.last in known.ARGUMENT_SAFE_METHODS:
            return receiver | callbacks
        return receiver | self._arguments(site)

    # what may be the same object

    def _held(self, share: Share) -> set[str]:
        names: set[str] = set()
        for item in share:
            names |= {item} if isinstance(item, str) else self._held_by_result(item)
        return names

    def _held_by_result(self, site: Site) -> set[str]:
        dotted = self._module_call(site)
        if dotted:
            is_holder = site.last[:1].isupper() or site.last in known.VIEW_FUNCTIONS or site.last == "make_pipeline"
            return self._arguments(site) if is_holder else set()
        names: set[str] = set()
        scopes = self._called(site)
        for scope, is_method in scopes:
            summary = self.summaries[id(scope)]
            names |= self._bind(site, scope, summary.returned, is_method=is_method)
            names |= summary.returned - set(scope.params)
            if scope.is_generator:
                names |= self._arguments(site)
        if not site.callee:
            return (
                names
                | self._held(site.receiver)
                | (set() if site.last in known.FRESH_METHODS else self._arguments(site))
            )
        if "." not in site.callee:
            if site.callee in self.classes:
                return names | self._arguments(site) | {site.callee}
            if site.callee in self.functions:
                return names
            if hasattr(builtins, site.callee):
                return names | (self._arguments(site) if site.callee in known.VIEW_BUILTINS else set())
            return names | self._arguments(site) | {site.callee}
        if site.last in known.FRESH_METHODS:
            return names
        return (
            names | self._held(site.receiver) | (self._arguments(site) if site.last in {"get", "setdefault"} else set())
        )

    def _link(self, scope: Scope, groups: _Groups) -> None:
        for targets, share in scope.links:
            held = {name for name in self._held(share) if not self._is_apart(name)}
            groups.unite([*targets, *sorted(held - set(targets))])
        for site in scope.sites:
            groups.unite(sorted(name for name in self._tied(site) if not self._is_apart(name)))

    def _tied(self, site: Site) -> set[str]:
        """Names that the call may store into one another."""
        names: set[str] = set()
        for scope, _ in self._called(site):
            summary = self.summaries[id(scope)]
            if summary.changed_globals or summary.changed_params:
                names |= self._arguments(site) | summary.changed_globals | self._held(site.receiver)
        if self._module_call(site):
            return names | (self._arguments(site) if site.last in known.MUTATING_FUNCTIONS else set())
        if "." not in site.callee and site.callee:
            return names | (self._arguments(site) if site.callee == "setattr" else set())
        is_store = known.changes_object(site.last) or (site.is_bare and site.last not in known.PURE_METHODS)
        is_safe = site.last in known.ARGUMENT_SAFE_METHODS - {"update", "extend"}
        return names | (self._held(site.receiver) | self._arguments(site) if is_store and not is_safe else set())


def _merged(tables: Iterable[dict[str, list[Scope]]]) -> dict[str, list[Scope]]:
    merged: dict[str, list[Scope]] = {}
    for table in tables:
        for name, scopes in table.items():
            merged.setdefault(name, []).extend(scopes)
    return merged
