# abi: rules of this folder
