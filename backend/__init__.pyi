from .api import InputError as InputError
from .api import Method as Method
from .api import Pool as Pool
from .api import Recipe as Recipe
from .api import Run as Run
from .api import Selection as Selection
from .api import leaderboard as leaderboard
from .api import methods as methods
from .api import open as open
from .api import param as param

__version__: str
