"""What transformers makes of odd config.json: fields that are missing, null, of another type, or at odds with each other.

    python test/oracles/make/configs.py       # needs torch, transformers; writes test/oracles/configs.json

Each row is a change of the config.json of a model in test/oracles, whose weights stay: `fields` are set, `without` are left
out. `reads` is what transformers does with it: "same" (the logits that it gives unchanged), "refused" (an error before there
are logits), "shapes" (weights of other names or shapes than the file's), or the logits. Logits are those of the last token,
of the first ids of the vocabulary. Eager attention, float32.
"""

import itertools
import json
import logging
import shutil
import tempfile
import warnings
from pathlib import Path

import torch
import transformers
from decoder import made
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

ORACLES = Path(__file__).parent.parent
IDS = [5, 17, 76, 2, 31, 8, 8, 40, 3, 77, 12, 9, 50]
PROMPT = [6, 6, 50, 33, 20, 11, 64, 1]
LOGITS = 6
ODD = [None, 0, 1, 0.5, True, False]
# transformers takes no integers for these; JavaScript cannot tell 1 from 1.0, and saves them as 1.0.
FLOATS = {"rms_norm_eps", "layer_norm_epsilon", "initializer_range", "initializer_factor", "init_std"}

LINEAR = {"type": "linear", "factor": 2}
YARN = {"rope_type": "yarn", "factor": 4}
LLAMA3 = {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
          "original_max_position_embeddings": 8}


def without(fields, *names):
    return {name: value for name, value in fields.items() if name not in names}


# What may stand in rope_scaling or rope_parameters, of one kind of layer.
SCALINGS = [
    None, {}, {"type": "linear"}, {"rope_type": "linear"}, {"factor": 2}, LINEAR, {**LINEAR, "factor": None},
    {"rope_type": None, "factor": 2}, {"type": None, "factor": 2}, {"rope_type": "default", **LINEAR},
    {"rope_type": "linear", "type": "default", "factor": 2}, {"rope_type": None, **LINEAR},
    {**LINEAR, "rope_theta": None}, {**LINEAR, "rope_theta": 50}, {"rope_theta": 50}, {"rope_type": "default"},
    {"rope_type": "default", "factor": 2}, {"type": "dynamic", "factor": 2}, {"type": "dynamic"},
    YARN, without(YARN, "factor"), {**YARN, "factor": None}, {**YARN, "original_max_position_embeddings": None},
    {**YARN, "original_max_position_embeddings": 8}, {**YARN, "attention_factor": None}, {**YARN, "attention_factor": 0},
    {**YARN, "attention_factor": 1.5}, {**YARN, "attention_factor": 2}, {**YARN, "mscale": 2, "mscale_all_dim": 0.5},
    {**YARN, "mscale": 2}, {**YARN, "mscale": 0, "mscale_all_dim": 1}, {**YARN, "mscale": None, "mscale_all_dim": None},
    {**YARN, "beta_fast": 0}, {**YARN, "beta_fast": None, "beta_slow": None}, {**YARN, "beta_fast": 4, "beta_slow": 2},
    {**YARN, "truncate": None}, {**YARN, "truncate": False}, {**YARN, "truncate": True},
    LLAMA3, {**LLAMA3, "original_max_position_embeddings": None}, without(LLAMA3, "original_max_position_embeddings"),
    without(LLAMA3, "low_freq_factor"), {**LLAMA3, "high_freq_factor": None}, {**LLAMA3, "partial_rotary_factor": 1.0},
    {"rope_type": "longrope", "factor": 2}, {"rope_type": "proportional"}, {"type": "su"}, {"type": "mrope"},
]


# Each kind of scaling as transformers 4 and before wrote it.
OLD = [{"type": "linear", "factor": 2.5}, {"type": "dynamic", "factor": 2}, {"type": "dynamic", "factor": 4.0},
       {**without(YARN, "rope_type"), "type": "yarn"},
       {**without(YARN, "rope_type"), "type": "yarn", "original_max_position_embeddings": 8, "beta_fast": 4},
       {**without(LLAMA3, "rope_type"), "type": "llama3"}]

# For families whose positions are read by the same code.
FEW = [None, {}, {"type": "linear"}, LINEAR, YARN, LLAMA3]


def rows(*changes):
    """Rows of fields that are set."""
    return [(fields, []) for fields in changes]


def odd(*names, values=ODD):
    """Each name left out, and with each of the values."""
    def given(name):
        return [float(value) if name in FLOATS and type(value) is int else value for value in values]

    return [row for name in names for row in [({}, [name]), *rows(*({name: value} for value in given(name)))]]


def rotary(base, scalings=FEW):
    """Both styles, and both at once."""
    plain = without(base, "rope_scaling", "rope_parameters", "rope_theta")
    gone = [name for name in base if name not in plain]

    def given(*changes):
        return [(fields, [name for name in gone if name not in fields]) for fields in changes]

    return [
        *given(*({"rope_theta": 100.0, "rope_scaling": scaling} for scaling in scalings)),
        # Also over fewer positions than the ids have, where dynamic scaling begins; Llama 3's has the reach in that field.
        *given(*({"rope_theta": 100.0, "rope_scaling": scaling, **fewer} for scaling in OLD
                 for fewer in ({}, {"max_position_embeddings": 8}) if not fewer or scaling["type"] != "llama3")),
        *given(*({"rope_parameters": scaling} for scaling in scalings)),
        *given(*({"rope_theta": theta} for theta in [None, 0, 1, 50, 0.5, True]), {}),
        *given({"rope_theta": 50, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}},
               {"rope_theta": 50, "rope_parameters": {"rope_type": "default"}},
               {"rope_theta": None, "rope_parameters": {"rope_type": "default"}},
               {"rope_theta": None, "rope_scaling": LINEAR},
               {"rope_scaling": LINEAR, "rope_parameters": {"rope_type": "default", "rope_theta": 100.0}},
               {"rope_scaling": {}, "rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 100.0}},
               {"rope_theta": 100.0, "rope_scaling": LINEAR, "max_position_embeddings": 24},
               {"rope_theta": 100.0, "rope_scaling": YARN, "original_max_position_embeddings": 8},
               {"rope_theta": 100.0, "rope_scaling": LLAMA3, "original_max_position_embeddings": 16}),
        *rows({"partial_rotary_factor": 1}, {"partial_rotary_factor": 1.0}, {"partial_rotary_factor": None},
              {"partial_rotary_factor": 0.5}, {"rope_interleaved": True}),
    ]


GATED = ["num_key_value_heads", "head_dim", "hidden_act", "rms_norm_eps", "attention_dropout", "initializer_range",
         "tie_word_embeddings"]
SIZES = ["max_position_embeddings", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"]
ACTIVATIONS = ["relu", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_python", "gelu_fast", "gelu_accurate",
               "gelu_python_tanh", "quick_gelu", "silu", "swish", "gelu_10", "tanh", "relu6", "linear", "mish", "GELU"]
FORMS = [*ACTIVATIONS, *(f"gated-{name}" for name in ACTIVATIONS), "gated", "gated-", "foo-gelu", "gated-gated-gelu"]
SLIDING, FULL = "sliding_attention", "full_attention"


def activations(name):
    return rows(*({name: activation} for activation in ACTIVATIONS))


def gated(base, *own, scalings=FEW):
    return [*odd(*GATED, *own), *odd(*SIZES, values=[None, True]), *rotary(base, scalings),
            *rows({"hidden_act": "swish"}, {"hidden_act": "gelu"}, {"hidden_activation": "gelu_new"})]


def qwen(base, *own):
    kinds = [[SLIDING, FULL], [FULL, FULL], [SLIDING, SLIDING], [FULL], ["attention", "attention"], [None, None], []]
    windows = [{"use_sliding_window": used, "sliding_window": window, "max_window_layers": most, "layer_types": types}
               for used, window, most, types in itertools.product(
                   [True, False, None], [3, None], [0, 1], [None, [FULL, SLIDING], [FULL, FULL]])]
    return [*gated(base, *own), *odd("use_sliding_window", "sliding_window", "max_window_layers", "layer_types"),
            *rows(*({"layer_types": types} for types in kinds), *windows)]


def gemma(base, scalings=FEW):
    local = [{"sliding_window": window, "sliding_window_pattern": pattern, "layer_types": None}
             for window, pattern in itertools.product([3, None, 0], [1, 2, 3])]
    gone = [name for name in ("rope_theta", "rope_local_base_freq", "rope_scaling", "rope_parameters") if name in base]

    def given(*changes):
        return [(fields, [name for name in gone if name not in fields]) for fields in changes]

    default = {"rope_type": "default", "rope_theta": 100.0}
    return [
        *odd(*without({name: 0 for name in GATED}, "hidden_act"), "query_pre_attn_scalar", "attention_bias",
             "sliding_window", "layer_types", "attn_logit_softcapping", "final_logit_softcapping",
             "use_bidirectional_attention"),
        *odd(*SIZES, values=[None, True]), *activations("hidden_activation"), *rows(*local),
        *rows({"hidden_act": "relu"}, {"sliding_window_pattern": 0}, {"sliding_window_pattern": None},
              {"_sliding_window_pattern": 1, "layer_types": None}, {"query_pre_attn_scalar": 12.5}),
        *given(*({"rope_theta": 100.0, "rope_local_base_freq": 20.0, "rope_scaling": s} for s in [*scalings, *OLD])),
        *given(*({"rope_parameters": {FULL: s, SLIDING: default}} for s in FEW)),
        *given(*({"rope_parameters": {FULL: default, SLIDING: s}} for s in [None, {}, LINEAR, YARN, {"factor": 2}])),
        *given({}, {"rope_theta": None}, {"rope_local_base_freq": None}, {"rope_theta": 50}, {"rope_local_base_freq": 5},
               {"rope_parameters": None}, {"rope_parameters": {}}, {"rope_parameters": default},
               {"rope_parameters": {FULL: default}}, {"rope_parameters": {SLIDING: default}},
               {"rope_parameters": {FULL: default, SLIDING: default, "chunked_attention": default}},
               {"rope_theta": 50, "rope_parameters": {FULL: {"rope_type": "default"}}},
               {"rope_scaling": LINEAR, "rope_parameters": {FULL: default, SLIDING: default}},
               {"rope_scaling": LINEAR, "rope_parameters": {FULL: None, SLIDING: default}},
               {"rope_scaling": LINEAR, "rope_parameters": {SLIDING: default}}),
    ]


def t5(base, forms=("gated-gelu", "gated-relu", "relu")):
    acts = [{"feed_forward_proj": form, "dense_act_fn": name, "is_gated_act": is_gated} for form, name, is_gated in
            itertools.product(["relu", "gated-gelu"], ["silu", "gelu_new", None], [True, False, None])]
    ties = [{"tie_word_embeddings": tied, "scale_decoder_outputs": scaled} for tied, scaled in
            itertools.product([True, False], [True, False, None])]
    return [
        *odd("num_decoder_layers", "relative_attention_num_buckets", "relative_attention_max_distance", "dropout_rate",
             "layer_norm_epsilon", "initializer_factor", "is_encoder_decoder", "tie_word_embeddings",
             "scale_decoder_outputs", "feed_forward_proj", "dense_act_fn", "is_gated_act"),
        *odd("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads", values=[None, True]),
        *[({"feed_forward_proj": form}, ["dense_act_fn", "is_gated_act"]) for form in forms],
        *rows(*acts, *ties), *[({"tie_word_embeddings": tied}, ["scale_decoder_outputs"]) for tied in (True, False, None)],
    ]


def opt(base):
    return [
        *odd("word_embed_proj_dim", "do_layer_norm_before", "_remove_final_layer_norm", "dropout", "attention_dropout",
             "layerdrop", "init_std", "enable_bias", "layer_norm_elementwise_affine", "tie_word_embeddings",
             "activation_function"),
        *odd("max_position_embeddings", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "ffn_dim",
             values=[None, True]),
        *activations("activation_function"), *rows({"activation_dropout": 0.1}, {"pad_token_id": None}),
    ]


def gpt2(base):
    scales = [{"scale_attn_weights": a, "scale_attn_by_inverse_layer_idx": b, "reorder_and_upcast_attn": c}
              for a, b, c in itertools.product([True, False], repeat=3)]
    return [
        *odd("n_inner", "embd_pdrop", "resid_pdrop", "attn_pdrop", "layer_norm_epsilon", "initializer_range",
             "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention",
             "tie_word_embeddings", "activation_function"),
        *odd("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", values=[None, True]),
        *activations("activation_function"), *rows(*scales, {"n_ctx": 3}),
    ]


MODELS = {
    "gemma3/scaled": gemma, "gemma3/pattern": lambda base: gemma(base, SCALINGS), "gpt2": gpt2,
    "llama/wide": lambda base: gated(base, "attention_bias", "mlp_bias", scalings=SCALINGS),
    "llama/linear": lambda base: gated(base, "attention_bias", "mlp_bias"),
    "mistral": lambda base: [*gated(base, "sliding_window"), *rows({"layer_types": [SLIDING, FULL]})],
    "opt/after": opt,
    "qwen2": qwen, "qwen3": lambda base: qwen(base, "attention_bias"),
    "t5/flan": lambda base: t5(base, FORMS), "t5/mt5": t5, "t5/v1": lambda base: t5(base, FORMS),
}


def logits_of(folder):
    """Of the last token; None where the weights do not fit. @raises whatever transformers does not take"""
    config = AutoConfig.from_pretrained(folder)
    is_t5 = config.model_type in ("t5", "mt5")
    auto = AutoModelForSeq2SeqLM if is_t5 else AutoModelForCausalLM
    model, info = auto.from_pretrained(
        folder, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    # A bias that the first T5 had, and a head that is tied.
    stray = {name for name in info["unexpected_keys"] if "EncDecAttention.relative_attention_bias" not in name}
    if stray or info["mismatched_keys"] or info["missing_keys"]:
        return None
    ids = torch.tensor([IDS])
    given = {"input_ids": torch.tensor([PROMPT]), "decoder_input_ids": ids} if is_t5 else {"input_ids": ids}
    with torch.no_grad():
        logits = model.eval()(**given).logits[0, -1, :LOGITS]
    return [round(value, 6) for value in logits.tolist()]


def changed(folder, base, fields, gone):
    """What transformers does with a change."""
    config = {**without(base, *gone), **fields}
    with tempfile.TemporaryDirectory() as copy:
        for file in folder.iterdir():
            if file.name != "config.json":
                shutil.copy(file, copy)
        (Path(copy) / "config.json").write_text(json.dumps(config))
        try:
            logits = logits_of(copy)
        except Exception:
            return "refused"
    if logits is None:
        return "shapes"
    return logits if torch.tensor(logits).isfinite().all() else "refused"


def read_model(name, changes):
    folder = ORACLES / name / "model"
    base = json.loads((folder / "config.json").read_text())
    logits = changed(folder, base, {}, [])
    found, seen = [], set()
    for fields, gone in changes(base):
        # A change that changes nothing is no row, and 0 is not False.
        news = {k: v for k, v in fields.items() if k not in base or json.dumps(base[k]) != json.dumps(v)}
        gone = [k for k in gone if k in base]
        row = {"fields": news, **({"without": gone} if gone else {})}
        if not (news or gone) or json.dumps(row) in seen:
            continue
        seen.add(json.dumps(row))
        reads = changed(folder, base, fields, gone)
        close = isinstance(reads, list) and max(abs(a - b) for a, b in zip(reads, logits)) < 1e-5
        found.append({**row, "reads": "same" if close else reads})
    return {"logits": logits, "rows": found}


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    transformers.utils.logging.disable_progress_bar()
    models = {name: read_model(name, changes) for name, changes in MODELS.items()}
    head = {"made": made("configs.py"), "ids": IDS, "prompt": PROMPT}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    tables = []
    for name, model in models.items():
        each = ",\n    ".join(json.dumps(row, separators=(",", ":")) for row in model["rows"])
        tables.append(f"{json.dumps(name)}: {{\"logits\": {json.dumps(model['logits'])}, \"rows\": [\n    {each}]}}")
    lines.append("\"models\": {\n  " + ",\n  ".join(tables) + "}")
    (ORACLES / "configs.json").write_text("{" + ",\n ".join(lines) + "}\n")


main()
