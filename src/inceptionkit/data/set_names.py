"""Which names of folders, files and columns mean train, val or test, as people write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches

from inceptionkit.data.types import SetName

_WORDS: dict[SetName, str] = {
    "train": (
        "train trains training trainings trainval trn entrainement apprentissage entrenamiento "
        "addestramento treino treinamento trening обучение обучающая тренировка 训练 訓練 학습 훈련"
    ),
    "val": (
        "val vals valid validate validation validations validating dev eval evaluate evaluation "
        "validierung validacion validacao validazione validatie walidacja валидация "
        "验证 驗證 検証 검증"
    ),
    "test": (
        "test tests testing tst holdout heldout prueba pruebas prova teste testes testy "
        "тест тестовая 测试 測試 テスト 평가 테스트"
    ),
}
_SETS: dict[str, SetName] = {
    word: given for given, words in _WORDS.items() for word in words.split()
}
_BESIDE = (  # words that say nothing beside the name of a set: "training_set", "seg_train"
    "datasets dataset data sets set images image imgs img photos photo pictures picture pics pic "
    "files file splits split samples sample segs seg folders folder dir subset part ds full final "
    "new raw original orig resized cropped clean labeled labelled classification all x y "
    "集 セット 用 데이터 выборка jeu de conjunto set di"
)
_UNLABELED = (
    "pred predict prediction predictions unlabeled unlabelled unsup inference submission unknown"
)
_BESIDE_WORDS = frozenset(_BESIDE.split())
_BESIDE_ANY = f"(?:{'|'.join(_BESIDE_WORDS)})*"
_NAME = re.compile(f"{_BESIDE_ANY}({'|'.join(_SETS)}){_BESIDE_ANY}")
_NO_LABELS = re.compile(f"{_BESIDE_ANY}({_UNLABELED.replace(' ', '|')}){_BESIDE_ANY}")
_LONGEST = 64  # letters of a name; the patterns take exponential time on "datasetdataset..."
_MEDICAL: dict[str, SetName] = {"imagestr": "train", "imagests": "test", "imagesva": "val"}
_BORDER = re.compile(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])")


def words_of(name: str) -> list[str]:
    """The words of a name, in lower case, without accents: they end at what is no letter.

    >>> words_of("1_trainingSet"), words_of("Entraînement")
    (['training', 'set'], ['entrainement'])
    """
    bare = unicodedata.normalize("NFKD", name)
    bare = unicodedata.normalize("NFC", "".join(c for c in bare if not unicodedata.combining(c)))
    return [word.casefold() for word in _BORDER.split(bare) if word]


def set_named(word: str) -> SetName | None:
    """The set that a folder or file called `word` holds, if nothing else stands in the name.

    >>> set_named("Validation"), set_named("seg_train"), set_named("testset2"), set_named("roses")
    ('val', 'train', 'test', None)
    """
    joined = "".join(words_of(word))
    if len(joined) > _LONGEST:
        return None
    found = _NAME.fullmatch(joined)
    return _SETS[found[1]] if found else _MEDICAL.get(joined)


def sets_named(names: Sequence[str]) -> list[SetName | None]:
    """The sets that things of one place hold: also "roses_train" beside "roses_test".

    >>> sets_named(["roses_train", "roses_test"]), sets_named(["bullet_train", "test_tube"])
    (['train', 'test'], [None, None])
    """
    found = [set_named(name) for name in names]
    if any(found):
        return found
    parts = [words_of(name) for name in names]
    named = [[_SETS[word] for word in words if word in _SETS] for words in parts]
    others = {
        tuple(w for w in words if w not in _SETS)
        for words, own in zip(parts, named, strict=True)
        if own
    }
    among = {own[0] for own in named if own}
    alike = len(others) == 1 and len(among) > 1 and "train" in among
    if not alike or any(len(own) > 1 for own in named):
        return found
    return [own[0] if own else None for own in named]


def is_unlabeled(name: str) -> bool:
    """Whether a folder's name says that nobody knows the classes of what it holds.

    >>> is_unlabeled("seg_pred"), is_unlabeled("rose")
    (True, False)
    """
    joined = "".join(words_of(name))
    return len(joined) <= _LONGEST and _NO_LABELS.fullmatch(joined) is not None


def says_nothing(name: str) -> bool:
    """Whether a folder's name is neither that of a class nor that of a set: "images", "data_1".

    >>> says_nothing("All Images"), says_nothing("rose")
    (True, False)
    """
    words = words_of(name)
    return bool(words) and all(word in _BESIDE_WORDS for word in words)


def like_a_set(name: str) -> bool:
    """Whether a word of a name is that of a set, or nearly.

    >>> like_a_set("my_trian"), like_a_set("rose")
    (True, False)
    """
    return any(
        word in _SETS or (len(word) > 3 and get_close_matches(word, _SETS, n=1, cutoff=0.8))
        for word in words_of(name)
    )
