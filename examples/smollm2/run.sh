#!/bin/sh
# Distils SmolLM2-135M-Instruct into a third of its layers, by SFT, KD and DistiLLM from the same start, and scores all.
#
#   sh examples/smollm2/run.sh MODEL.gguf train.jsonl valid.jsonl runs/smollm2 [steps]
#
# A run that was stopped goes on from its last state: start the script again.
set -eu
MODEL=$1 TRAIN=$2 VALID=$3 OUT=$4 STEPS=${5:-700}
mkdir -p "$OUT"
[ -e "$OUT/start" ] || npx distillm init --from "$MODEL" --layers 10 --out "$OUT/start"

train() {
  NAME=$1
  shift
  if [ -e "$OUT/$NAME/log.jsonl" ]; then
    npx distillm train --resume --out "$OUT/$NAME"
  else
    npx distillm train "$@" --data "$TRAIN" --template chat --validation 200 --student "$OUT/start" --out "$OUT/$NAME" \
      --batch-size 8 --max-length 256 --group-by-length --steps "$STEPS" --warmup-steps 50 --validate-every 350 --save-every 30min
  fi
}
train sft --method sft
train kd --method kd --teacher "$MODEL" --rouge-samples 0
train distillm --method distillm --teacher "$MODEL" --rouge-samples 0 --init-threshold 0.3

for NAME in sft kd distillm; do
  [ -s "$OUT/$NAME.json" ] || npx distillm eval --template chat --model "$OUT/$NAME/best" --data "$VALID" --limit 250 > "$OUT/$NAME.json"
done
npx distillm plot "$OUT/sft" "$OUT/kd" "$OUT/distillm"
