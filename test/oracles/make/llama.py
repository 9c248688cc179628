"""What LLaMA must compute: tiny random models and their answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/llama.py       # needs torch, transformers, safetensors; writes test/oracles/llama/

llama3/     grouped query heads, the scaling of Llama 3, a head of its own; config.json as transformers 5 writes it
linear/     biases of attention and MLP, linear scaling, one key head; config.json as transformers 4 wrote it
yarn/       a tied head, YaRN
dynamic/    sequences beyond max_position_embeddings, whose angles grow with the length
wide/       heads wider than hidden_size / num_attention_heads, as many key heads, plain rotary positions
Each holds model/ (a Hugging Face folder, float32), oracle.json (batches, logits, generated ids) and
gradients.safetensors (of the mean cross-entropy of the first batch). Eager attention, float32, dropout off. Weights are
larger than LLaMA's initial ones, so that attention is far from uniform and the greedy choices are clear.
"""

import json
import shutil
from pathlib import Path

from decoder import save_oracle, spread_weights
from transformers import LlamaConfig, LlamaForCausalLM

OUT = Path(__file__).parent.parent / "llama"
VOCAB = 83
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 12,
        "beta_fast": 8.0, "beta_slow": 1.0}
VARIANTS = {
    "llama3": {"num_attention_heads": 4, "num_key_value_heads": 2, "rope_parameters": LLAMA3,
               "tie_word_embeddings": False},
    "linear": {"num_attention_heads": 3, "num_key_value_heads": 1, "attention_bias": True, "mlp_bias": True,
               "rope_parameters": {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.5}},
    "yarn": {"num_attention_heads": 3, "num_key_value_heads": 3, "rope_parameters": YARN, "tie_word_embeddings": True},
    "dynamic": {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 12,
                "rope_parameters": {"rope_type": "dynamic", "rope_theta": 50.0, "factor": 4.0}},
    "wide": {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 18, "rms_norm_eps": 1e-5,
             "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}, "tie_word_embeddings": True},
}
SIZES = {"vocab_size": VOCAB, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
         "max_position_embeddings": 48}


def written_by_transformers_4(path):
    """`rope_theta` and `rope_scaling` instead of `rope_parameters`."""
    config = json.loads(path.read_text())
    scaling = config.pop("rope_parameters")
    config["rope_theta"] = scaling.pop("rope_theta")
    config["rope_scaling"] = {"type": scaling.pop("rope_type"), **scaling}
    path.write_text(json.dumps(config, indent=2) + "\n")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for variant, fields in VARIANTS.items():
        config = LlamaConfig(**{**SIZES, **fields}, bos_token_id=None, eos_token_id=None, attn_implementation="eager")
        save_oracle("llama.py", spread_weights(LlamaForCausalLM(config)), OUT / variant, VOCAB)
    written_by_transformers_4(OUT / "linear" / "model" / "config.json")


main()
