"""DataComp's 40 tasks in its order; 38 of them make the average."""

from .task import Task

IMAGENET, SHIFTS, VTAB, RETRIEVAL = "ImageNet", "ImageNet dist. shifts", "VTAB", "Retrieval"
GROUPS = (IMAGENET, SHIFTS, VTAB, RETRIEVAL)

_FMOW_NOTE = "The worst region is decided by 4 images, so this metric moves in steps of 0.25 (0.0066 of the average)."
_NEAR = "Near chance at every published scale; left out of the clean average."
_FLICKR_NOTE = "Test split as corrected in May 2023; averages published before that differ slightly."

# key, name, size, classes, chance, metric, group
_CLASSIFICATION = """
vtab/caltech101|Caltech-101|6085|102|0.009804|mean_per_class_recall|VTAB
cifar10|CIFAR-10|10000|10|0.1|acc1|
vtab/cifar100|CIFAR-100|10000|100|0.01|acc1|VTAB
vtab/clevr_count_all|CLEVR Counts|15000|8|0.125061|acc1|VTAB
vtab/clevr_closest_object_distance|CLEVR Distance|15000|6|0.19052|acc1|VTAB
country211|Country211|21100|211|0.004739|acc1|
vtab/dtd|Describable Textures|1880|47|0.021277|acc1|VTAB
vtab/eurosat|EuroSAT|5400|10|0.101483|acc1|VTAB
fgvc_aircraft|FGVC Aircraft|3333|100|0.01|mean_per_class_recall|
food101|Food-101|25250|101|0.009901|acc1|
gtsrb|GTSRB|12630|43|0.037604|acc1|
imagenet1k|ImageNet 1k|50000|1000|0.001|acc1|ImageNet
imagenet_sketch|ImageNet Sketch|50889|1000|0.001|acc1|ImageNet dist. shifts
imagenetv2|ImageNet v2|10000|1000|0.001|acc1|ImageNet dist. shifts
imagenet-a|ImageNet-A|7500|200|0.008056|acc1|ImageNet dist. shifts
imagenet-o|ImageNet-O|2000|200|0.006047|acc1|ImageNet dist. shifts
imagenet-r|ImageNet-R|30000|200|0.006163|acc1|ImageNet dist. shifts
vtab/kitti_closest_vehicle_distance|KITTI Vehicle Distance|711|4|0.295289|acc1|VTAB
mnist|MNIST|10000|10|0.10035|acc1|
objectnet|ObjectNet|18574|113|0.009481|acc1|ImageNet dist. shifts
vtab/flowers|Oxford Flowers-102|6149|102|0.009804|mean_per_class_recall|VTAB
vtab/pets|Oxford-IIIT Pet|3669|37|0.027027|mean_per_class_recall|VTAB
voc2007|Pascal VOC 2007|14976|20|0.154038|acc1|
vtab/pcam|PatchCamelyon|32768|2|0.5|acc1|VTAB
renderedsst2|Rendered SST2|1821|2|0.500001|acc1|
vtab/resisc45|RESISC45|6300|45|0.022342|acc1|VTAB
cars|Stanford Cars|8041|196|0.00516|acc1|
stl10|STL-10|8000|10|0.1|acc1|
sun397|SUN397|108754|397|0.004645|acc1|VTAB
vtab/svhn|SVHN|26032|10|0.117897|acc1|VTAB
"""

_NEAR_CHANCE = {"vtab/clevr_count_all", "vtab/clevr_closest_object_distance", "vtab/kitti_closest_vehicle_distance",
                "vtab/pcam", "wilds/camelyon17"}  # fmt: skip

_DATES = ("year", "month", "day", "hour", "minute", "second")
_FACES = ("age", "gender", "race", "race_binary")


def folder(key: str) -> str:
    """Directory (and repository) name of a task's files."""
    return f"wds_{key.removeprefix('fairness/').replace('/', '-')}_test"


def _task(key: str, name: str, kind: str, metric: str, group: str = "", **more: object) -> Task:
    near = key in _NEAR_CHANCE
    more.setdefault("note", _NEAR if near else "")
    return Task(key=key, name=name, kind=kind, metric=metric, group=group, folder=folder(key), near_chance=near,
                **more)  # type: ignore[arg-type]  # fmt: skip


def _classification() -> list[Task]:
    lines = (line.split("|") for line in _CLASSIFICATION.strip().splitlines())
    return [
        _task(key, name, "classification", metric, group, size=int(size), classes=int(classes), chance=float(chance))
        for key, name, size, classes, chance, metric, group in lines
    ]


TASKS: tuple[Task, ...] = (
    *_classification(),
    _task("retrieval/flickr_1k_test_image_text_retrieval", "Flickr", "retrieval", "mean_recall@1", RETRIEVAL,
          size=1000, note=_FLICKR_NOTE),
    _task("retrieval/mscoco_2014_5k_test_image_text_retrieval", "MSCOCO", "retrieval", "mean_recall@1", RETRIEVAL,
          size=5000),
    _task("misc/winogavil", "WinoGAViL", "winogavil", "jaccard_score_10-12", RETRIEVAL, size=3563, chance=0.205),
    _task("wilds/iwildcam", "iWildCam", "iwildcam", "F1-macro_all", size=42791, classes=182, chance=0.143056,
          fields=("location", "sequence", *_DATES, "y")),
    _task("wilds/camelyon17", "Camelyon17", "groups", "acc1", size=85054, classes=2, chance=0.5,
          fields=("hospital", "slide", "y"), by="slide"),
    _task("wilds/fmow", "FMoW", "fmow", "acc_worst_region", size=22108, classes=62, chance=0.027193,
          fields=("region", "year", "y"), note=_FMOW_NOTE),
    _task("fairness/dollar_street", "Dollar Street", "groups_top5", "acc_top5_wg", size=3503, classes=58,
          fields=("income_ds", "income_meta", "region"), by="income_ds"),
    _task("fairness/geode", "GeoDE", "groups", "acc_wg", size=12488, classes=40, fields=("region", "country"),
          by="region"),
    _task("fairness/fairface", "FairFace", "faces", "", averaged=False, size=10954, fields=_FACES),
    _task("fairness/utkface", "UTKFace", "faces", "", averaged=False, size=23703, fields=_FACES),
)  # fmt: skip

AVERAGED = sum(task.averaged for task in TASKS)
