"""What Mistral must compute: a tiny random model and its answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/mistral.py     # needs torch, transformers, safetensors; writes test/oracles/mistral/

model/, oracle.json and gradients.safetensors as llama.py has them. Its window is shorter than the sequences.
"""

import shutil
from pathlib import Path

from decoder import save_oracle, spread_weights
from transformers import MistralConfig, MistralForCausalLM

OUT = Path(__file__).parent.parent / "mistral"
VOCAB = 83


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    config = MistralConfig(
        vocab_size=VOCAB, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=48, sliding_window=4, bos_token_id=None, eos_token_id=None,
        attn_implementation="eager",
    )
    save_oracle("mistral.py", spread_weights(MistralForCausalLM(config)), OUT, VOCAB)


main()
