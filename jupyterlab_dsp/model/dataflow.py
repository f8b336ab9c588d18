"""Reads the data flow of one cell from its syntax tree. Conservative: when in doubt, it does."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from .flows import CellFlow, Scope
from .sharing import dotted_name, immutable, local_names, read_call, share, stored_names

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def read_flow(tree: ast.Module) -> CellFlow:
    """Analyse one parsed cell."""
    reader = _Reader()
    reader.body(tree.body)
    reader.flow.definite = set(reader.known)
    return reader.flow


class _Reader(ast.NodeVisitor):
    """Walks a cell in the order in which Python runs it."""

    def __init__(self) -> None:
        self.flow = CellFlow()
        self.scope = self.flow.scope
        #: names surely assigned at this point of the cell
        self.known: set[str] = set()
        #: names of the functions, classes and comprehensions around this point
        self.bound: list[tuple[str, set[str]]] = []
        self.depth = 0
        self.branches = 0

    # names

    def use(self, name: str, line: int) -> None:
        if any(name in names for _, names in self.bound):
            return
        self.scope.loads.add(name)
        if self.depth:
            self.flow.deferred.setdefault(name, line)
            if name not in self.known:
                self.flow.deferred_open.add(name)
        elif name not in self.known:
            self.flow.uses.setdefault(name, line)

    def define(self, name: str, line: int, value: frozenset[str] | None = None) -> None:
        innermost = next((each for each in reversed(self.bound) if each[0] != "comprehension"), None)
        if innermost and innermost[0] == "class":
            innermost[1].add(name)
            return
        if self.depth and name not in self.scope.global_names:
            return
        self.flow.values.setdefault(name, []).append(value)
        self.flow.deleted.pop(name, None)
        if self.depth:
            return
        self.flow.defines.setdefault(name, line)
        self.known.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.use(node.id, node.lineno)
        else:
            self.define(node.id, node.lineno)

    # statements, in order

    def body(self, nodes: Iterable[ast.stmt]) -> None:
        for node in nodes:
            self.visit(node)

    def branch(self, nodes: Sequence[ast.stmt], known: set[str]) -> set[str] | None:
        """Run a block that may not run; returns what is known at its end, None where it never ends normally."""
        before, self.known = self.known, set(known)
        self.branches += 1
        self.body(nodes)
        self.branches -= 1
        after, self.known = self.known, before
        leaves = bool(nodes) and isinstance(nodes[-1], ast.Raise | ast.Return | ast.Break | ast.Continue)
        return None if leaves else after

    def merge(self, ends: Iterable[set[str] | None]) -> None:
        alive = [each for each in ends if each is not None]
        if alive:
            self.known = set.intersection(*alive)

    def assign(self, target: ast.expr, value: ast.AST | None) -> None:
        """Bind or change a target; ``value`` was visited before."""
        if isinstance(target, ast.Tuple | ast.List):
            parts: list[ast.AST | None] = [value] * len(target.elts)
            if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
                parts = list(value.elts)
            for each, part in zip(target.elts, parts, strict=True):
                self.assign(each, part)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value)
        elif isinstance(target, ast.Name):
            self.define(target.id, target.lineno, immutable(value))
            self.scope.links.append(((target.id,), share(value)))
            if isinstance(value, ast.Call):
                self.flow.made_by.setdefault(target.id, set()).add(dotted_name(value.func))
            elif isinstance(value, ast.GeneratorExp):
                self.flow.made_by.setdefault(target.id, set()).add("iter")
            elif isinstance(value, ast.Lambda):
                self.flow.functions.setdefault(target.id, []).append(self.lambda_scope(target.id, value))
        elif isinstance(target, ast.Attribute | ast.Subscript):
            self.store(target)
            self.scope.links.append((tuple(s for s in share(target.value) if isinstance(s, str)), share(value)))
            self.visit(target.value)
            if isinstance(target, ast.Subscript):
                self.visit(target.slice)

    def store(self, target: ast.Attribute | ast.Subscript) -> None:
        path: ast.AST = target.value if isinstance(target, ast.Subscript) else target
        self.scope.stores.append((dotted_name(path), share(target.value), target.lineno))

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.assign(node.target, node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.assign(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        target = node.target
        self.visit(node.value)
        if isinstance(target, ast.Name):
            self.use(target.id, target.lineno)
            self.scope.stores.append(("", (target.id,), target.lineno))
            self.scope.links.append(((target.id,), share(node.value)))
            self.define(target.id, target.lineno, immutable(ast.BinOp(target, node.op, node.value)))
        else:
            self.assign(target, node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            for each in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if isinstance(each, ast.Name):
                    self.use(each.id, each.lineno)
                    if not self.depth and not self.bound:
                        self.known.discard(each.id)
                        if not self.branches:
                            self.flow.deleted[each.id] = each.lineno
                elif isinstance(each, ast.Attribute | ast.Subscript):
                    self.store(each)
                    self.visit(each.value)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.merge([self.branch(node.body, self.known), self.branch(node.orelse, self.known)])

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self.branch(node.body, self.known)
        self.branch(node.orelse, self.known)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        before = set(self.known)
        self.assign(node.target, node.iter)
        for name in stored_names(node.target):
            if immutable(node.iter) is None:
                self.flow.values.setdefault(name.id, []).append(None)
        self.branch(node.body, self.known)
        if not self.depth:
            self.known = before
        self.branch(node.orelse, self.known)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.note_async(node)
        self.visit_For(node)

    def visit_Try(self, node: ast.Try) -> None:
        start = set(self.known)
        end = self.branch([*node.body, *node.orelse], start)
        ends = [end]
        for handler in node.handlers:
            if handler.type is not None:
                self.visit(handler.type)
            names = {handler.name} if handler.name else set()
            if handler.name and not self.depth:
                self.flow.defines.setdefault(handler.name, handler.lineno)
            after = self.branch(handler.body, start | names)
            ends.append(None if after is None else after - names)
        self.merge(ends)
        self.body(node.finalbody)

    visit_TryStar = visit_Try  # type: ignore[assignment]  # noqa: N815

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.visit(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, item.context_expr)
        self.body(node.body)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.note_async(node)
        self.visit_With(node)

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        for case in node.cases:
            before = set(self.known)
            for each in ast.walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    self.define(name, node.lineno)
                    self.scope.links.append(((name,), share(node.subject)))
                elif isinstance(each, ast.MatchValue):
                    self.visit(each.value)
                elif isinstance(each, ast.MatchClass):
                    self.visit(each.cls)
            if case.guard is not None:
                self.visit(case.guard)
            self.branch(case.body, self.known)
            self.known = before

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if value is not node.value:
            self.note_async(node)
        if isinstance(value, ast.Call):
            self.call(value, is_bare=True)
        else:
            self.visit(value)

    def visit_Call(self, node: ast.Call) -> None:
        self.call(node, is_bare=False)

    def call(self, node: ast.Call, *, is_bare: bool) -> None:
        self.scope.sites.append(read_call(node, is_bare=is_bare))
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        self.scope.returns.append(share(node.value))
        self.generic_visit(node)

    def visit_Yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        self.scope.is_generator = True
        self.scope.returns.append(share(node.value))
        self.generic_visit(node)

    visit_YieldFrom = visit_Yield  # noqa: N815

    def visit_Await(self, node: ast.Await) -> None:
        self.note_async(node)
        self.generic_visit(node)

    def note_async(self, node: ast.AST) -> None:
        if not self.depth and self.flow.async_line is None:
            self.flow.async_line = getattr(node, "lineno", 1)

    # imports

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.split(".")[0]
            self.flow.modules.setdefault(alias.name, node.lineno)
            if not alias.asname and "." in alias.name:
                self.flow.submodules.add(root)
            self.imported(alias.asname or root, alias.name if alias.asname else root, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        if module == "__future__":
            self.flow.future_line = node.lineno
            return
        for alias in node.names:
            self.flow.modules.setdefault(module, node.lineno)
            self.flow.modules.setdefault(f"{module}.{alias.name}".rstrip("*").rstrip("."), node.lineno)
            if alias.name == "*":
                self.flow.star_imports.append(module)
            else:
                self.imported(alias.asname or alias.name, f"{module}.{alias.name}", node.lineno)

    def imported(self, name: str, dotted: str, line: int) -> None:
        self.flow.imports[name] = dotted
        self.define(name, line, frozenset())

    # functions, classes, comprehensions

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        self.decorators(node)
        arguments = node.args
        for each in [*arguments.defaults, *arguments.kw_defaults]:
            if each is not None:
                self.visit(each)
        for argument in ast.walk(arguments):
            if isinstance(argument, ast.arg) and argument.annotation is not None:
                self.visit(argument.annotation)
        if node.returns is not None:
            self.visit(node.returns)
        self.define(node.name, node.lineno)
        scope = self.function_scope(node.name, node.args, node.body)
        if self.depth:
            return
        is_method = bool(self.bound) and self.bound[-1][0] == "class"
        (self.flow.methods if is_method else self.flow.functions).setdefault(node.name, []).append(scope)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for each in [*node.args.defaults, *node.args.kw_defaults]:
            if each is not None:
                self.visit(each)
        scope = self.lambda_scope("<lambda>", node)
        # who calls it, and when, is unknown: what it does counts as done here, too
        self.scope.sites += scope.sites
        self.scope.stores += scope.stores

    def lambda_scope(self, name: str, node: ast.Lambda) -> Scope:
        statement = ast.copy_location(ast.Return(node.body), node.body)
        return self.function_scope(name, node.args, [statement])

    def function_scope(self, name: str, arguments: ast.arguments, body: Sequence[ast.stmt]) -> Scope:
        positional = [*arguments.posonlyargs, *arguments.args]
        params = tuple(each.arg for each in [*positional, *arguments.kwonlyargs])
        extra = tuple(each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None)
        names, declared = local_names(body)
        outer_scope, outer_bound = self.scope, self.bound
        if self.depth:
            self.scope.has_inner = True
            self.scope.locals |= names | set(params) | set(extra)
            self.scope.global_names |= declared
        else:
            self.scope = Scope(name, params + extra, locals=set(names), global_names=declared)
            defaults = zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
            pairs = [*defaults, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
            self.scope.mutable_defaults = {a.arg for a, v in pairs if v is not None and not isinstance(v, ast.Constant)}
        self.bound = [each for each in self.bound if each[0] != "class"]
        self.bound.append(("function", (names | set(params) | set(extra)) - declared))
        self.depth += 1
        self.body(body)
        self.depth -= 1
        made, self.scope, self.bound = self.scope, outer_scope, outer_bound
        return made

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.decorators(node)
        for each in [*node.bases, *(keyword.value for keyword in node.keywords)]:
            self.visit(each)
        before = {name: len(scopes) for name, scopes in self.flow.methods.items()}
        links = len(self.scope.links)
        self.bound.append(("class", set()))
        self.body(node.body)
        self.bound.pop()
        # what the body binds lives on in the class and in its instances
        self.scope.links += [((node.name,), held) for _, held in self.scope.links[links:]]
        self.scope.links += [((node.name,), share(each)) for each in node.bases]
        self.define(node.name, node.lineno)
        own = [scope for name, scopes in self.flow.methods.items() for scope in scopes[before.get(name, 0) :]]
        self.flow.classes.setdefault(node.name, []).extend(own)

    def decorators(self, node: FunctionNode | ast.ClassDef) -> None:
        for each in node.decorator_list:
            self.visit(each)
            self.scope.stores.append((dotted_name(each), share(each), each.lineno))
            self.scope.links.append(((node.name,), share(each)))

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        names: set[str] = set()
        self.visit(node.generators[0].iter)
        self.bound.append(("comprehension", names))
        for number, each in enumerate(node.generators):
            if number:
                self.visit(each.iter)
            for name in stored_names(each.target):
                names.add(name.id)
                self.flow.values.setdefault(name.id, []).append(None)
                self.scope.links.append(((name.id,), share(each.iter)))
            if each.is_async:
                self.note_async(node)
            for test in each.ifs:
                self.visit(test)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in parts:
            self.visit(part)
            if isinstance(node, ast.GeneratorExp) and not self.depth:
                self.depth += 1
                self.visit(part)
                self.depth -= 1
        self.bound.pop()

    visit_ListComp = comprehension  # noqa: N815
    visit_SetComp = comprehension  # noqa: N815
    visit_DictComp = comprehension  # noqa: N815
    visit_GeneratorExp = comprehension  # noqa: N815
