"""What Qwen2 and Qwen3 must compute: tiny random models and their answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/qwen.py    # needs torch, transformers, safetensors; writes test/oracles/qwen2/ and qwen3/

qwen2/  a layer without a window, one with a window shorter than the sequences; an LM head of its own
qwen3/  heads wider than hidden_size / num_attention_heads; a tied head
model/, oracle.json and gradients.safetensors as llama.py has them.
"""

import shutil
from pathlib import Path

from decoder import save_oracle, spread_weights
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

OUT = Path(__file__).parent.parent
VOCAB = 83
SIZES = {"vocab_size": VOCAB, "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2,
         "max_position_embeddings": 48, "attn_implementation": "eager"}


def main():
    for name in ("qwen2", "qwen3"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    windowed = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
    qwen2 = Qwen2Config(**SIZES, num_attention_heads=4, num_key_value_heads=2, **windowed)
    save_oracle("qwen.py", spread_weights(Qwen2ForCausalLM(qwen2)), OUT / "qwen2", VOCAB)
    qwen3 = Qwen3Config(**SIZES, num_attention_heads=3, num_key_value_heads=1, head_dim=10, tie_word_embeddings=True)
    save_oracle("qwen.py", spread_weights(Qwen3ForCausalLM(qwen3)), OUT / "qwen3", VOCAB)


main()
