#!/usr/bin/env python3
"""Compares Presswork's tokenizer with the package `tokenizers` from PyPI, id by id.

    compare.py DRIVER SOURCE_DIR [--lines N] [--seed N]

Tokenizers: the two real ones in the tree, and one trained here for each arrangement of components that the BPE
family uses (Llama 1-3, Mistral, Qwen, Gemma, Phi-3, DeepSeek, GPT-2, ...). Lines: seeded random mixtures of
English, Chinese, Arabic, emoji, code, white space, control characters, special tokens and plain random code
points. Exit status 77 (skipped) when the package is missing."""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

try:
    import tokenizers
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers import pre_tokenizers as pre
    from tokenizers import processors, trainers
except ImportError:
    print("skipped: the package `tokenizers` is not installed")
    sys.exit(77)

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN3_5 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]"
          r"|\s+(?!\S)|\s+")
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
MARK = "\u2581"


if tuple(map(int, tokenizers.__version__.split(".")[:2])) < (0, 23):
    print(f"skipped: tokenizers {tokenizers.__version__} is older than 0.23, which decodes added tokens differently")
    sys.exit(77)


def split(pattern, behavior="isolated", invert=False):
    return pre.Split(Regex(pattern), behavior, invert)


def byte_level(split_by, normalizer=None, added=(), **bpe):
    """A byte-level tokenizer; `split_by` is a pre-tokenizer that runs before the bytes, or None for GPT-2's."""
    tokenizer = Tokenizer(models.BPE(**bpe))
    if split_by is None:
        tokenizer.pre_tokenizer = pre.ByteLevel(add_prefix_space=False, use_regex=True)
    else:
        tokenizer.pre_tokenizer = pre.Sequence([split_by, pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, pre.ByteLevel.alphabet(), list(added)


def sentence_piece(normalizer=None, pre_tokenizer=None, decoder=None, added=(), **bpe):
    bpe = {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True, **bpe}
    tokenizer = Tokenizer(models.BPE(**bpe))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder or decoders.Sequence(
        [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer, [MARK], list(added)


def arrangements():
    marks = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    chat = [AddedToken("<|user|>", rstrip=True, normalized=False, special=True),
            AddedToken("<|end|>", rstrip=True, lstrip=True, normalized=False, special=True),
            AddedToken("word", single_word=True, normalized=False), AddedToken("你好", normalized=True)]
    yield "gpt2", byte_level(None)
    yield "gpt2-prefix", prefixed()
    yield "llama3", byte_level(split(LLAMA3), added=["<|eot_id|>"], ignore_merges=True)
    yield "qwen2", byte_level(split(QWEN), normalizers.NFC(), added=["<|im_start|>", "<|im_end|>"])
    yield "qwen3.5", byte_level(split(QWEN3_5), normalizers.NFC())
    yield "nfkc", byte_level(split(QWEN), normalizers.NFKC(), added=chat)
    yield "nfd-lower", byte_level(
        split(QWEN), normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        added=[AddedToken("Élan", normalized=True), AddedToken("ÉCOLE", normalized=False)])
    yield "nfkd-strip", byte_level(split(LLAMA3), normalizers.Sequence([normalizers.NFKD(), normalizers.Strip()]))
    yield "o200k", byte_level(split(O200K))
    yield "cl100k", byte_level(split(CL100K, "removed", True))
    yield "deepseek", byte_level(pre.Sequence([split(p) for p in DEEPSEEK]), added=chat)
    yield "starcoder", byte_level(pre.Sequence([pre.Digits(individual_digits=True),
                                                pre.ByteLevel(add_prefix_space=False, use_regex=True)]))
    for behavior in ("removed", "merged_with_previous", "merged_with_next", "contiguous"):
        yield "split-" + behavior, byte_level(split(r"\p{P}|\s", behavior))
        yield "split-literal-" + behavior, byte_level(pre.Split("ab", behavior))
    yield "empty-matches", byte_level(split(r"\d*", "merged_with_next"))
    yield "ruby-repeat", byte_level(split(r"\p{N}{1,2}+\w|.{3}", "isolated"))
    yield "words", byte_level(pre.Sequence([pre.Whitespace(), pre.Punctuation("contiguous"), pre.Digits()]))
    yield "white-space", byte_level(pre.WhitespaceSplit())
    yield "llama2", sentence_piece(marks, added=chat)
    yield "llama2-no-fallback", sentence_piece(marks, byte_fallback=False)
    yield "no-fuse", sentence_piece(marks, byte_fallback=False, fuse_unk=False)
    yield "no-unk", sentence_piece(marks, byte_fallback=False, unk_token=None)
    yield "gemma", sentence_piece(normalizers.Replace(" ", MARK), pre.Split(" ", "merged_with_previous"),
                                  decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(),
                                                     decoders.Fuse()]), added=["\n\n", MARK * 2, "<h1>"])
    for scheme in ("always", "first", "never"):
        for cut in (True, False):
            yield f"metaspace-{scheme}-{cut}", sentence_piece(
                None, pre.Metaspace(MARK, scheme, cut), decoders.Metaspace(MARK, scheme, cut), added=chat)
    yield "replace-regex", sentence_piece(normalizers.Sequence([normalizers.Replace(Regex(r"\s{2,}"), " "), marks]))
    yield "affixes", sentence_piece(None, pre.WhitespaceSplit(), decoders.Fuse(), byte_fallback=False,
                                    continuing_subword_prefix="##", end_of_word_suffix="</w>")


def prefixed():
    tokenizer, alphabet, added = byte_level(None)
    tokenizer.pre_tokenizer = pre.ByteLevel(add_prefix_space=True, use_regex=True)
    return tokenizer, alphabet, added


def train(made, corpus):
    tokenizer, alphabet, added = made
    specials = ["<unk>", "<s>", "</s>"]
    extra = {}
    if '"byte_fallback":true' in tokenizer.to_str().replace(" ", ""):
        specials = specials + [f"<0x{b:02X}>" for b in range(256)]
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if getattr(tokenizer.model, key):
            extra[key] = getattr(tokenizer.model, key)
    # A short alphabet leaves characters out, so that fallbacks are met.
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=specials, initial_alphabet=alphabet,
                                  limit_alphabet=700, show_progress=False, **extra)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_tokens(added)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789٣४Ⅷ½²", " \t\n\r\u00a0\u3000\u2009\u200b\u180e",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "àéîõüßÅÇñğİıſŉŒ", "的一是不了人我在有他這為之來模型壓縮量化", "ابتثجحخدذرزسشصض ـًٌٍَُِّْ٠١",
    "абвгдежзиёЁйЙ", "カガサザパﾊﾟひらがなー", "가각한국어\u1100\u1161\u11a8", "😀👩\u200d💻🇹🇼🏽❤️✨", "e\u0301a\u0308\u0323n\u0303o\u0327\u0301\u0300ﬁﬃ㎏①",
    "".join(map(chr, [*range(0, 32), 0x7f, 0x85, 0xad, 0x2028, 0x2029, 0xfeff, 0xfffd, 0xffff])), "हिन्दी ไทย ქართული",
]
CODE = ["def f(x):\n    return x**2\n", "for (int i = 0; i < n; ++i) {\n\t", "<div class=\"a\">", "\r\n\r\n", "    ", "it's WE'LL I'VE 'ſ",
        "https://example.com/?q=%20&x=1", "1234567.89", "word", " word ", "你好", "Élan", "élan", "ÉCOLE", "ab", "abab"]
SPECIAL = ["<s>", "</s>", "<unk>", "<0x0A>", "<|user|>", "<|end|>", "<|im_start|>", "<|eot_id|>", "<h1>", MARK, MARK * 3, "\n\n\n",
           "<|begin_of_text|>", "<|endoftext|>"]


def random_line(rng, prose, ucd=unicodedata):
    parts = []
    for _ in range(rng.randint(0, 12)):
        kind = rng.random()
        if kind < 0.3:
            start = rng.randrange(len(prose))
            parts.append(prose[start:start + rng.randint(1, 60)])
        elif kind < 0.7:
            alphabet = rng.choice(ALPHABETS)
            parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 10))))
        elif kind < 0.85:
            parts.append(rng.choice(CODE))
        elif kind < 0.95:
            parts.append(rng.choice(SPECIAL))
        else:
            parts.append(random_characters(rng, ucd))
        if rng.random() < 0.5:
            parts.append(" " * rng.randint(1, 3))
    return "".join(parts)


def random_characters(rng, ucd):
    # Of Unicode 14 and older: the two sides may know different later versions.
    found = []
    while len(found) < 5:
        character = chr(rng.randrange(0x110000))
        if ucd.category(character) not in ("Cs", "Cn"):
            found.append(character)
    return "".join(found)


def compare(name, tokenizer, folder, driver, lines):
    questions = "".join(json.dumps({"text": line, "special": i % 2 == 1}) + "\n" for i, line in enumerate(lines))
    run = subprocess.run([driver, folder], input=questions, capture_output=True, text=True)
    if run.returncode != 0:
        print(f"{name}: the driver failed: {run.stderr.strip()}")
        return 1
    wrong = 0
    for i, (line, answer) in enumerate(zip(lines, run.stdout.split("\n"), strict=False)):
        answer = json.loads(answer)
        ids = tokenizer.encode(line, add_special_tokens=i % 2 == 1).ids
        expected = {"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                    "decoded_plain": tokenizer.decode(ids, skip_special_tokens=True)}
        for key, value in expected.items():
            if answer[key] != value:
                wrong += 1
                if wrong <= 3:
                    print(f"{name}: {key} of {line!r}:\n  expected {value!r}\n  found    {answer[key]!r}")
                break
    print(f"{name}: {len(lines) - wrong} of {len(lines)} lines equal")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver")
    parser.add_argument("source")
    parser.add_argument("--lines", type=int, default=10000, help="over all tokenizers, at least")
    parser.add_argument("--seed", type=int, default=20260729)
    parser.add_argument("--only")
    options = parser.parse_args()
    print(f"tokenizers {tokenizers.__version__}, Unicode {unicodedata.unidata_version}")
    source = pathlib.Path(options.source)
    prose = (source / "examples/text/calibration.txt").read_text(encoding="utf-8")[:200000]
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as root:
        found = collect(source, pathlib.Path(root), prose, rng, options.only)
        each = max(300, options.lines // len(found) + 1)
        wrong = 0
        for name, tokenizer, folder in found:
            # The package's own tables of marks are older than its tables for expressions.
            ucd = unicodedata.ucd_3_2_0 if "strip" in name or "lower" in name else unicodedata
            lines = [random_line(rng, prose, ucd) for _ in range(each)] + ["", " ", "\n"]
            wrong += compare(name, tokenizer, folder, options.driver, lines)
    print(f"{each * len(found)} lines, {wrong} different")
    return 1 if wrong else 0


def collect(source, root, prose, rng, only):
    found = []
    real = {"tiny-llama": source / "examples/models/tiny-llama/tokenizer.json",
            "small-llama": source / "tests/data/tokenizers/small-llama.json"}
    for name, path in real.items():
        (root / name).mkdir()
        shutil.copyfile(path, root / name / "tokenizer.json")
        found.append((name, Tokenizer.from_file(str(path)), root / name))
    corpus = [prose[i:i + 400] for i in range(0, 60000, 400)] + [random_line(rng, prose) for _ in range(400)]
    for name, made in arrangements():
        if only and only not in name:
            continue
        (root / name).mkdir()
        train(made, corpus).save(str(root / name / "tokenizer.json"))
        found.append((name, Tokenizer.from_file(str(root / name / "tokenizer.json")), root / name))
    return found


if __name__ == "__main__":
    sys.exit(main())
