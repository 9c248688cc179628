"""What T5 and mT5 must compute: tiny random models and their answers, from PyTorch and Hugging Face transformers.

    python test/oracles/make/t5.py       # needs torch, transformers, safetensors; writes test/oracles/t5/

v1/      T5: a tied head of scaled outputs, an MLP of ReLU, fewer blocks in the decoder than in the encoder, heads that are
         wider than d_model / num_heads; config.json as transformers 5 writes it
flan/    T5 v1.1 and FLAN-T5: a gated MLP, a head of its own; config.json as transformers 4 wrote it, and weights as PyTorch
         stores them: the shared embedding under each of its names, not under that of `shared`
mt5/     mT5: as v1.1; one block, buckets for short distances only
buckets.json   T5's buckets of relative positions
Each model has model/ (a Hugging Face folder, float32), oracle.json (a batch, its logits, generated ids) and
gradients.safetensors (of the batch's mean cross-entropy). Eager attention, float32, dropout off.
"""

import json
import shutil
from pathlib import Path

import torch
from encoderDecoder import save_oracle, spread_weights
from safetensors.torch import load_file, save_file
from transformers import MT5Config, MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

OUT = Path(__file__).parent.parent / "t5"
SIZES = {"vocab_size": 83, "d_model": 24, "d_ff": 40, "pad_token_id": 0, "eos_token_id": 1,
         "decoder_start_token_id": 0, "attn_implementation": "eager"}
# Few buckets, so that the distances of the batches fall into shared ones.
V1 = {"num_layers": 3, "num_decoder_layers": 2, "num_heads": 3, "d_kv": 10, "feed_forward_proj": "relu",
      "relative_attention_num_buckets": 8, "relative_attention_max_distance": 10}
FLAN = {"num_layers": 2, "num_heads": 4, "d_kv": 6, "feed_forward_proj": "gated-gelu",
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 12}
MT5 = {"num_layers": 1, "num_heads": 2, "d_kv": 12, "relative_attention_num_buckets": 6,
       "relative_attention_max_distance": 7}


def untied(model):
    """With a head of its own: what transformers 5 makes of a file that has one. Outputs are not scaled."""
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    model.config.tie_word_embeddings = False
    model.config.scale_decoder_outputs = False
    return model


def written_by_transformers_4(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["scale_decoder_outputs"]
    config["tie_word_embeddings"] = False
    config["torch_dtype"] = config.pop("dtype")
    config.update(dense_act_fn="gelu_new", is_gated_act=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = load_file(folder / "model.safetensors")
    shared = tensors.pop("shared.weight")
    names = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]
    stray = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    tensors = {**tensors, **{name: shared.clone() for name in names}, stray: torch.zeros(8, 4)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def buckets():
    """Of the relative positions from -400 to 400, for whoever sees both sides and for a decoder."""
    relative = torch.arange(-400, 401)
    kinds = [(32, 128), (8, 10), (6, 7), (32, 20), (4, 3), (64, 1000), (33, 128)]
    return [
        {"buckets": count, "maxDistance": most, "causal": causal,
         "of": T5Attention._relative_position_bucket(relative, not causal, count, most).tolist()}
        for count, most in kinds for causal in (False, True)
    ]


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    v1 = spread_weights(T5ForConditionalGeneration(T5Config(**SIZES, **V1)))
    save_oracle("t5.py", v1, OUT / "v1", seed=15)
    flan = spread_weights(untied(T5ForConditionalGeneration(T5Config(**SIZES, **FLAN))))
    save_oracle("t5.py", flan, OUT / "flan", seed=4)
    written_by_transformers_4(OUT / "flan" / "model")
    mt5 = spread_weights(untied(MT5ForConditionalGeneration(MT5Config(**SIZES, **MT5))))
    save_oracle("t5.py", mt5, OUT / "mt5", seed=3)
    (OUT / "buckets.json").write_text(json.dumps(buckets(), separators=(",", ":")) + "\n")


main()
