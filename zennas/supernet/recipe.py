"""How a supernet is searched: the arguments of NNI's trainer as settings. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.supernet.errors import SupernetError

GRADIENT, REINFORCE = "gradient", "reinforce"
_WEIGHTS, _ARCHITECTURE = "Weights", "Architecture"


class SearchRecipeError(SupernetError, WrongSettingError):
    """A setting of a search in a supernet is out of range."""


@dataclass(frozen=True)
class SearchRecipe:
    """How weights and architecture parameters are trained in turn. The help text of each field describes it.

    First the weights alone are warmed up; then, after every `grad_update_arch_param_every`-th weight step of an epoch
    except the first, `grad_update_steps` architecture steps follow, each on a batch of validation images. The learning
    rate of the weights falls to 0 along a cosine, in the warm-up and again in the search.
    Raises SearchRecipeError if a value is out of range.
    """

    n_epochs: int = setting(120, "Epochs of the search, after the warm-up.", least=1, panel=_WEIGHTS)
    init_lr: float = setting(0.025, "Learning rate at the beginning of the search.", above=0, panel=_WEIGHTS)
    label_smoothing: float = setting(
        0.1, "Share of the target that is spread over all classes in weight steps.", least=0, most=1, panel=_WEIGHTS
    )
    warmup: bool = setting(True, "Warm the weights up, with paths drawn before anything is decided.", panel=_WEIGHTS)
    warmup_epochs: int = setting(25, "Epochs of the warm-up.", least=0, panel=_WEIGHTS)
    warmup_lr: float = setting(0.05, "Learning rate at the beginning of the warm-up.", above=0, panel=_WEIGHTS)
    binary_mode: str = setting(
        "full_v2",
        "How gates get gradients: full_v2 recomputes candidates, full keeps their outputs, two runs only two of them; "
        "all is DARTS's sum of all candidates.",
        choices=("full_v2", "full", "two", "all"),
        panel=_ARCHITECTURE,
    )
    arch_update: str = setting(
        GRADIENT,
        "How architecture parameters are updated.",
        choices=(GRADIENT, REINFORCE),
        panel=_ARCHITECTURE,
    )
    arch_init_type: str = setting(
        "normal", "Distribution of the first parameters.", choices=("normal", "uniform"), panel=_ARCHITECTURE
    )
    arch_init_ratio: float = setting(1e-3, "Its deviation, or half its width.", least=0, panel=_ARCHITECTURE)
    arch_optim_lr: float = setting(1e-3, "Learning rate of Adam for the parameters.", above=0, panel=_ARCHITECTURE)
    arch_weight_decay: float = setting(0.0, "L2 penalty of the parameters.", least=0, panel=_ARCHITECTURE)
    grad_update_arch_param_every: int = setting(
        5, "Weight steps before architecture steps.", least=1, flag="--arch-every", panel=_ARCHITECTURE
    )
    grad_update_steps: int = setting(
        1, "Architecture steps in a row.", least=1, flag="--arch-steps", panel=_ARCHITECTURE
    )
    arch_valid_frequency: int = setting(
        1, "Epochs between validations of the most probable network.", least=1, panel=_ARCHITECTURE
    )
    precision: str = setting(
        "fp32", "Number format of automatic mixed precision.", choices=("fp32", "bf16", "fp16"), panel=_WEIGHTS
    )
    seed: int = setting(0, "Seed of all randomness.", least=0, panel=_WEIGHTS)

    def __post_init__(self) -> None:
        check(self, SearchRecipeError)

    @property
    def warm_epochs(self) -> int:
        """The epochs of the warm-up, 0 without one."""
        return self.warmup_epochs if self.warmup else 0
