#!/bin/bash
# Trains on all GPUs of four nodes, and is requeued until the run is complete:
#
#     sbatch examples/slurm/4-nodes.sh examples/training/bioclip2.yaml runs/bioclip2
#
# Five minutes before the time limit, Slurm sends SIGUSR1 to this script. It stops the run, which saves a checkpoint first, and
# puts the job back into the queue; `--resume auto` then continues from the checkpoint. A run that ends by itself, well or not,
# is not requeued.
#SBATCH --job-name=bioclip-x
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --mem=0
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@300
set -euo pipefail

config=${1:?usage: sbatch 4-nodes.sh CONFIG OUTPUT}
output=${2:?usage: sbatch 4-nodes.sh CONFIG OUTPUT}

stop_and_requeue() {
  kill -TERM "$run"
  wait "$run" || true
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
}
trap stop_and_requeue USR1

# The processes of all nodes meet at the first one.
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun torchrun --nnodes="$SLURM_NNODES" --nproc-per-node=gpu \
  --rdzv-id="$SLURM_JOB_ID" --rdzv-backend=c10d --rdzv-endpoint="$head:29500" \
  -m bioclip_x train "$config" --output "$output" --resume auto &
run=$!
wait "$run"
