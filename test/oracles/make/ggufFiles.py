"""GGUF files as llama.cpp's tools have them, written by its own Python package.

    pip install gguf numpy safetensors
    python test/oracles/make/ggufFiles.py        # writes test/oracles/gguf/

types.gguf          a tensor of each type; types.safetensors has the same dequantized by the package
NAME.gguf           models of test/oracles in F16, in the names and the order of rows of convert_hf_to_gguf.py:
                    llama-linear, llama-wide, qwen2, qwen3, gemma3, gpt2
"""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, quants
from safetensors.numpy import load_file, save_file

ORACLES = Path(__file__).parent.parent
OUT = ORACLES / "gguf"
QUANTIZED = [Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0]
K_QUANTS = [Type.Q4_K, Type.Q5_K, Type.Q6_K]


def scale_places(kind):
    """First bytes of the f16 scales of a block."""
    return {Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}[kind]


def write_types():
    rng = np.random.default_rng(11)
    writer = GGUFWriter(OUT / "types.gguf", "llama")
    expected = {}
    values = rng.normal(size=(3, 256)).astype(np.float32)
    # A block of zeros, one of a single value, one of large ones.
    values[1, :32], values[1, 32:64], values[1, 64:96] = 0, -3.5, values[1, 64:96] * 1e4
    writer.add_tensor("F32", values)
    expected["F32"] = values
    for kind in QUANTIZED:
        blocks = quants.quantize(values, kind)
        writer.add_tensor(kind.name, blocks, raw_dtype=kind)
        expected[kind.name] = quants.dequantize(blocks, kind).astype(np.float32)
    for kind in K_QUANTS:
        # The package does not quantize to these: any bits are a block, but the scales must be finite.
        size = gguf.GGML_QUANT_SIZES[kind][1]
        blocks = rng.integers(0, 256, size=(3, size), dtype=np.uint8)
        for place in scale_places(kind):
            blocks[:, place : place + 2] = rng.normal(size=(3, 1)).astype(np.float16).view(np.uint8)
        writer.add_tensor(kind.name, blocks, raw_dtype=kind)
        expected[kind.name] = quants.dequantize(blocks, kind).astype(np.float32)
    close(writer)
    save_file(expected, OUT / "types.safetensors")


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permute(weights, heads):
    """As LlamaModel.permute of convert_hf_to_gguf.py."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def write_model(name, folder, architecture):
    config = json.loads((folder / "config.json").read_text())
    writer = GGUFWriter(OUT / f"{name}.gguf", architecture)
    layers = config.get("num_hidden_layers", config.get("n_layer"))
    writer.add_block_count(layers)
    writer.add_context_length(config.get("max_position_embeddings", config.get("n_positions")))
    writer.add_embedding_length(config.get("hidden_size", config.get("n_embd")))
    if architecture == "gpt2":
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    else:
        rope = {**config, **config.get("rope_parameters", {})}
        heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
        head_dim = config.get("head_dim") or config["hidden_size"] // heads
        writer.add_vocab_size(config["vocab_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(heads)
        writer.add_head_count_kv(kv_heads)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_freq_base(rope["rope_theta"])
        writer.add_rope_dimension_count(head_dim)
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
        scaling = config.get("rope_scaling") or {}
        if architecture == "gemma3":
            writer.add_sliding_window(config["sliding_window"])
            writer.add_sliding_window_pattern(config["sliding_window_pattern"])
            writer.add_attention_scale(config["query_pre_attn_scalar"] ** -0.5)
            writer.add_float32("gemma3.rope.freq_base_swa", config["rope_local_base_freq"])
        if scaling.get("type") == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(scaling["factor"])
    arch = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(arch, layers)
    for ours, tensor in load_file(folder / "model.safetensors").items():
        if ours.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        if architecture == "llama" and ".q_proj." in ours:
            tensor = permute(tensor, config["num_attention_heads"])
        if architecture == "llama" and ".k_proj." in ours:
            tensor = permute(tensor, config["num_key_value_heads"])
        if architecture == "gpt2" and ours.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            tensor = np.ascontiguousarray(tensor.transpose(1, 0))
        if architecture == "gemma3" and ours.endswith("norm.weight"):
            tensor = tensor + 1
        stored = names.get_name(ours, try_suffixes=(".weight", ".bias"))
        assert stored, ours
        writer.add_tensor(stored, tensor.astype(np.float16) if tensor.ndim > 1 else tensor.astype(np.float32))
    close(writer)


def main():
    OUT.mkdir(exist_ok=True)
    write_types()
    write_model("llama-linear", ORACLES / "llama" / "linear" / "model", "llama")
    write_model("llama-wide", ORACLES / "llama" / "wide" / "model", "llama")
    write_model("qwen2", ORACLES / "qwen2" / "model", "qwen2")
    write_model("qwen3", ORACLES / "qwen3" / "model", "qwen3")
    write_model("gemma3", ORACLES / "gemma3" / "pattern" / "model", "gemma3")
    write_model("gpt2", ORACLES / "gpt2" / "model", "gpt2")


main()
