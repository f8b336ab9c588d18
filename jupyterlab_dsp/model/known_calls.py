"""What well-known calls do to their objects. The one place for such lists; the analysis itself knows no library."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: module roots whose calls only draw, print or talk: no effect on training
HARMLESS_MODULES = _words(
    "matplotlib pylab seaborn plotly altair bokeh hvplot warnings logging tqdm rich pprint gc time sns plt"
    " IPython loguru"
)
#: calls of modules that look like settings and only change how things are shown
HARMLESS_CALLS = _words(
    "numpy.set_printoptions pandas.set_option pandas.reset_option sklearn.set_config torch.set_printoptions"
    " os.makedirs os.mkdir os.listdir os.path.exists keras.utils.plot_model tensorflow.get_logger"
)
#: builtins that do not change their arguments (``next``, ``setattr`` and ``delattr`` are in MUTATING_FUNCTIONS)
PURE_BUILTINS = _words(
    "print display len type repr str int float bool complex abs round min max sum any all sorted list tuple dict"
    " set frozenset range enumerate zip map filter iter reversed isinstance issubclass hasattr getattr callable id"
    " hash help dir vars locals globals format ascii bin hex oct ord chr pow divmod bytes input open super object"
    " slice"
)
#: builtins whose result refers to (parts of) their arguments
VIEW_BUILTINS = _words(
    "list tuple dict set frozenset enumerate zip map filter iter reversed sorted next min max sum getattr vars"
    " memoryview super open"
)
#: results of these are numbers or text, whatever goes in
IMMUTABLE_BUILTINS = _words("len int float str bool round abs hash ord chr repr range id isinstance hasattr callable")
#: builtins whose result is used up by reading it
ITERATORS = _words("iter zip map filter enumerate open reversed")
#: functions that change an argument even where their result is taken
MUTATING_FUNCTIONS = _words(
    "next setattr delattr heappop heappush heappushpop heapreplace heapify shuffle copyto put place insort exec"
    " load_weights train_test_swap"
)
#: functions of modules whose result is a view of their arguments
VIEW_FUNCTIONS = _words(
    "asarray asanyarray ascontiguousarray atleast_1d atleast_2d ravel reshape squeeze transpose swapaxes moveaxis"
    " expand_dims broadcast_to split array_split hsplit vsplit from_numpy as_tensor clone_for copy deque partial"
    " chain cycle islice tee groupby defaultdict namedtuple reduce cast wraps compile script jit wrap"
)
#: methods that change their object wherever they stand
MUTATING_METHODS = _words(
    "fit fit_transform fit_predict partial_fit fit_generator train_on_batch compile adapt add append extend"
    " insert pop popitem popleft appendleft remove discard clear update setdefault sort reverse rotate send throw"
    " read readline readlines write seek load_state_dict set_weights load_weights set_params step zero_grad"
    " backward train eval requires_grad_ reset_states shuffle normal uniform integers permutation choice random"
    " standard_normal randint randn rand binomial poisson exponential sample_ fill put resize itemset setflags"
    " setfield register freeze unfreeze build apply_gradients assign assign_add assign_sub minimize set_index_"
    " insert_one search tell ask optimize"
)
#: methods that leave their object and their arguments alone, even as a statement of their own
PURE_METHODS = _words(
    "head tail info describe summary plot hist boxplot show display value_counts corr sample query copy mean"
    " median std var min max sum count nunique unique isna isnull notna any all predict predict_proba transform"
    " score evaluate get_params get_config get_weights to_csv to_json to_parquet to_pickle to_numpy tolist to_list"
    " items keys values get index groupby pivot_table crosstab join split strip lower upper format startswith"
    " endswith replace title numpy save save_weights export savefig dump write_html count_params print"
    " decision_function inverse_transform take_ cov astype round rank quantile shape dropna fillna drop rename"
    " reset_index set_index sort_values sort_index merge assign_ pipe apply map agg aggregate melt stack unstack"
    " pivot memory_usage select_dtypes isin between nlargest nsmallest idxmax idxmin argmax argmin cumsum diff"
    " shift rolling to_frame to_dict to_string to_markdown style"
)
#: methods that return something new, which shares nothing with the object
FRESH_METHODS = _words(
    "copy deepcopy astype mean median std var min max sum count nunique unique predict predict_proba score"
    " evaluate value_counts corr describe tolist to_list to_dict to_csv to_json format join lower upper strip"
    " replace split startswith endswith index get_config get_weights get_params summary argmax argmin cumsum round"
    " flatten any all transform fit_transform isna isnull dot info count_params cov quantile encode decode title"
    " to_string item normal uniform integers permutation random standard_normal randint randn rand binomial"
    " poisson exponential"
)
#: methods that change their object and not what they are given (except ``callbacks=``)
ARGUMENT_SAFE_METHODS = _words(
    "fit fit_transform fit_predict partial_fit train_on_batch adapt predict evaluate score transform plot hist"
    " update write set_weights load_weights extend"
)
#: attributes that are numbers, text or tuples of them
PLAIN_ATTRIBUTES = _words("shape dtype size ndim name __name__ __doc__ itemsize nbytes")
#: the end of a module's call that sets something for the whole process
SETTING_PREFIXES = (
    "set_",
    "enable_",
    "disable_",
    "use_",
    "manual_seed",
    "seed",
    "init",
    "config",
    "register",
)
#: names of the IPython kernel that a plain process lacks; ``display`` alone is replaced
IPYTHON_NAMES = _words("get_ipython In Out _ __ ___ _i _ii _iii _ih _oh _dh exit quit")

#: a seed (by the module that it is called on) concerns a slice that imports one of these
SEED_FAMILIES = {
    "random": _words("random keras tensorflow tf_keras torch imblearn"),
    "numpy": _words("numpy sklearn pandas scipy keras tensorflow tf_keras torch xgboost lightgbm catboost skimage"),
    "keras": _words("keras tensorflow tf_keras torch jax numpy random sklearn"),
    "tensorflow": _words("tensorflow keras tf_keras numpy random sklearn"),
    "tf_keras": _words("tensorflow keras tf_keras numpy random sklearn"),
    "torch": _words("torch torchvision lightning pytorch_lightning transformers keras"),
}
_SEEDS = _words("seed set_seed set_random_seed manual_seed manual_seed_all seed_everything enable_op_determinism")


def is_seed(dotted: str) -> bool:
    """Whether this call fixes random numbers for the whole process."""
    return dotted.rsplit(".", 1)[-1] in _SEEDS


def is_harmless(dotted: str) -> bool:
    """Whether this call of a module has no effect that training could feel."""
    return dotted.split(".", 1)[0] in HARMLESS_MODULES or dotted in HARMLESS_CALLS


def is_setting(dotted: str) -> bool:
    """Whether a statement that calls this changes a setting of a module."""
    last = dotted.rsplit(".", 1)[-1]
    if is_harmless(dotted):
        return False
    return is_seed(dotted) or last.startswith(SETTING_PREFIXES) or dotted.startswith(("sys.path.", "os.environ."))


def changes_object(method: str) -> bool:
    """Whether this method changes its object wherever it stands. torch marks its own with a trailing underscore."""
    return method in MUTATING_METHODS or (method.endswith("_") and not method.endswith("__"))
