"""What LoRA adapters must compute: those of PEFT beside the tiny models of the other oracles.

    python test/oracles/make/lora.py        # needs torch, transformers, peft, safetensors; writes test/oracles/lora/

gpt2/    all linear parts, whose weights are [in, out]; the head, which the base ties, trained as a whole
llama/   three parts by name, another rank and another alpha for some, the last norm trained as a whole
t5/      all linear parts of both stacks, rsLoRA
Each holds adapter/ (as PEFT saves it, its base named from its own folder), oracle.json (batches, logits, losses of AdamW
steps), gradients.safetensors (of the mean cross-entropy of the first batch, by the names of the adapter's file) and
merged.safetensors (two weights of merge_and_unload). Eager attention, float32, no dropout.
"""

import json
import shutil
from pathlib import Path

import peft
import torch
from decoder import batch_json, made, make_batches, mean_loss, rounded
from encoderDecoder import logits_of, make_batch, padded
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, T5ForConditionalGeneration

HERE = Path(__file__).parent.parent
OUT = HERE / "lora"
ADAMW = {"lr": 5e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weightDecay": 0.01}
STEPS = 12
VARIANTS = {
    "gpt2": {
        "base": "gpt2/model", "vocab": 97, "merged": ["transformer.h.0.attn.c_attn.weight", "lm_head.weight"],
        "config": {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", "fan_in_fan_out": True,
                   "modules_to_save": ["lm_head"]},
    },
    "llama": {
        "base": "llama/llama3/model", "vocab": 83,
        "merged": ["model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight"],
        "config": {"r": 3, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "down_proj"],
                   "rank_pattern": {"q_proj": 5}, "alpha_pattern": {"layers.1.self_attn.v_proj": 9},
                   "modules_to_save": ["model.norm"]},
    },
    "t5": {
        "base": "t5/flan/model", "vocab": None,
        "merged": ["encoder.block.0.layer.0.SelfAttention.q.weight", "decoder.block.1.layer.1.EncDecAttention.v.weight"],
        "config": {"r": 2, "lora_alpha": 3, "target_modules": "all-linear", "use_rslora": True},
    },
}


def file_name(name):
    """That of a parameter of the model in the adapter's file."""
    return name.replace("modules_to_save.default.", "").replace(".default", "")


def adapted(base, fields, seq2seq):
    config = LoraConfig(task_type="SEQ_2_SEQ_LM" if seq2seq else "CAUSAL_LM", lora_dropout=0.0, **fields)
    model = get_peft_model(base, config).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "lora_" in name:
                parameter.copy_(0.2 * noise)
            else:
                parameter.add_(0.1 * noise)
    return model


def seq2seq_loss(model, batch):
    labels = padded(batch["labels"], -100)
    logits = model(
        input_ids=padded(batch["prompts"], 0), attention_mask=padded([[1] * len(p) for p in batch["prompts"]], 0),
        decoder_input_ids=padded(batch["inputs"], 0),
    ).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.reshape(-1), ignore_index=-100)


def save_variant(variant, base, vocab, config, merged):
    seq2seq = vocab is None
    out = OUT / variant
    load = T5ForConditionalGeneration if seq2seq else AutoModelForCausalLM
    make = lambda: adapted(load.from_pretrained(HERE / base, attn_implementation="eager"), config, seq2seq)
    model = make()
    generator = torch.Generator().manual_seed(3)
    if seq2seq:
        t5 = model.base_model.model.config
        eos, start = t5.eos_token_id, t5.decoder_start_token_id
        batches = [make_batch(generator, t5.vocab_size, start, eos, *sizes)
                   for sizes in (([7, 3, 5], [4, 6, 2]), ([4, 6], [5, 3]))]
        loss_of, as_json = seq2seq_loss, lambda batch: batch
        with torch.no_grad():
            logits = logits_of(model, batches[0])
    else:
        batches = make_batches(generator, vocab)
        loss_of, as_json = mean_loss, batch_json
        with torch.no_grad():
            first = batches[0]
            whole = model(input_ids=first["ids"], attention_mask=first["mask"]).logits
            logits = torch.cat([whole[row, :length] for row, length in enumerate(first["lengths"])])

    model.save_pretrained(out / "adapter", save_embedding_layers=False)
    path = out / "adapter" / "adapter_config.json"
    fields = json.loads(path.read_text())
    fields["base_model_name_or_path"] = f"../../../{base}"
    path.write_text(json.dumps(fields, indent=2) + "\n")
    (out / "adapter" / "README.md").unlink()

    loss_of(model, batches[0]).backward()
    gradients = {file_name(n): p.grad.contiguous() for n, p in model.named_parameters() if p.grad is not None}
    assert set(gradients) == set(get_peft_model_state_dict(model, save_embedding_layers=False))
    save_file(gradients, out / "gradients.safetensors")

    model = make()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in trained if p.dim() > 1], "weight_decay": ADAMW["weightDecay"]},
         {"params": [p for p in trained if p.dim() == 1], "weight_decay": 0.0}],
        lr=ADAMW["lr"], betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["eps"],
    )
    losses = []
    for step in range(STEPS):
        loss = loss_of(model, batches[step % len(batches)])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    state = make().merge_and_unload().state_dict()
    save_file({name: state[name].contiguous().clone() for name in merged}, out / "merged.safetensors")
    (out / "oracle.json").write_text(json.dumps({
        "made": made("lora.py") + f", peft {peft.__version__}",
        "batches": [as_json(batch) for batch in batches],
        "logits": rounded(logits), "adamW": {**ADAMW, "losses": losses},
    }, indent=1) + "\n")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for variant, facts in VARIANTS.items():
        save_variant(variant, **facts)


main()
